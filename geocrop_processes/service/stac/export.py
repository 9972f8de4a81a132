"""All products as a static STAC catalogue: files that any server, or none, makes readable.

A catalogue leads to the collection, the collection to the items; each item lies in a folder of its own, with its
files beside it. Items are read and written one after the other, so that any number can be.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pystac

from geocrop_processes.errors import InvalidRequest
from geocrop_processes.publish.assets import GEOJSON
from geocrop_processes.service.described import JSON
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.products import COLLECTION
from geocrop_processes.service.schema import published
from geocrop_processes.service.stac.addresses import Addresses, link
from geocrop_processes.service.stac.collection import DESCRIPTION, TITLE, description, together
from geocrop_processes.settings import Settings
from geocrop_processes.storage import RESULTS, Storage, result_key

Json = dict[str, Any]
Assets = Literal["copy", "link"]

_PAGE = 200
"""Items that are read from the store at once."""


def export(
    folder: Path,
    settings: Settings,
    store: JobStore,
    storage: Storage,
    assets: Assets = "copy",
    progress: Callable[[float, str], None] = lambda _share, _message: None,
) -> int:
    """Write the catalogue.

    Args:
        folder: where to; it is made, and must be empty.
        settings: the deployment.
        store: its products.
        storage: their files.
        assets: `copy` puts the files beside the items, `link` leads to the running service.
        progress: told the share done and what is being done.

    Returns:
        How many items there are.

    Raises:
        InvalidRequest: the folder holds something, or cannot be written.
        StorageUnavailable: a file cannot be read.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise InvalidRequest(
                f"{folder} holds something; a catalogue is written to an empty one."
            )
        names = []
        for item, share in _items(store):
            progress(share, f"item {item['id']}")
            _write_item(folder / COLLECTION / item["id"], item, settings, storage, assets)
            names.append((item["id"], item["properties"].get("title", item["id"])))
        _write_above(folder, settings, store, names)
    except OSError as error:
        raise InvalidRequest(f"{folder} cannot be written: {error.strerror}.") from error
    return len(names)


def _items(store: JobStore) -> Iterator[tuple[Json, float]]:
    """Every item with the share that comes before it, the oldest first: a new one moves none of them."""
    offset, total = 0, 1
    while offset < total:
        found, total = store.items(order=[published.c.number], limit=_PAGE, offset=offset)
        for number, item in enumerate(found, offset):
            yield item, number / total
        offset += _PAGE


def _write_item(
    folder: Path, item: Json, settings: Settings, storage: Storage, how: Assets
) -> None:
    """An item and, where they are copied, its files."""
    folder.mkdir(parents=True)
    given = Addresses(settings).complete(item) if how == "link" else item
    if how == "copy":
        for asset in item["assets"].values():
            name = str(asset["href"])
            if name.startswith("./"):
                key = result_key(item["id"], name.removeprefix("./"))
                size = int(asset["file:size"])
                with (folder / Path(name).name).open("wb") as file:
                    file.writelines(storage.open_range(RESULTS, key, 0, size))
    links = [
        link("root", "../../catalog.json", JSON, title=TITLE),
        link("parent", "../collection.json", JSON),
        link("collection", "../collection.json", JSON),
    ]
    own = {"self", *(each["rel"] for each in links)}
    links += [each for each in given["links"] if each["rel"] not in own]
    _write(folder / f"{item['id']}.json", {**given, "collection": COLLECTION, "links": links})


def _write_above(
    folder: Path, settings: Settings, store: JobStore, names: list[tuple[str, str]]
) -> None:
    """The collection and the catalogue."""
    title = f"{TITLE} of {settings.region.name}"
    links = [
        link("root", "../catalog.json", JSON, title=title),
        link("parent", "../catalog.json", JSON, title=title),
        *(link("item", f"./{name}/{name}.json", GEOJSON, title=of) for name, of in names),
    ]
    collection = {**description(settings), **together(store.contents(), settings), "links": links}
    (folder / COLLECTION).mkdir(exist_ok=True)
    _write(folder / COLLECTION / "collection.json", collection)
    catalog = pystac.Catalog("geocrop", DESCRIPTION, title)
    document = catalog.to_dict(include_self_link=False)
    document["links"] = [
        link("root", "./catalog.json", JSON, title=title),
        link("child", f"./{COLLECTION}/collection.json", JSON, title=TITLE),
    ]
    _write(folder / "catalog.json", document)


def _write(path: Path, document: Json) -> None:
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
