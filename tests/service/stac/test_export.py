"""`geocrop catalog export`: what it writes is read by pystac alone, and is valid."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pystac
import pytest
import rasterio
from pystac.validation import validate_dict
from pystac.validation.stac_validator import JsonSchemaSTACValidator

from geocrop_processes.cli import main
from geocrop_processes.errors import InvalidRequest
from geocrop_processes.service.stac.export import export

DRAFT = "http://json-schema.org/draft-07/schema#"
SITE = "https://stac-extensions.github.io/"


def test_a_catalogue_needs_nothing_but_its_folder(shop: Any, tmp_path: Path) -> None:
    made = {name: shop.publish(name, year=2020 + n) for n, name in enumerate(("a", "b"))}
    told: list[float] = []
    folder = tmp_path / "out"
    count = export(folder, shop.settings, shop.store, shop.storage, "copy", lambda share, _: told.append(share))  # fmt: skip
    assert count == 2
    assert told == [0.0, 0.5]
    moved = folder.rename(tmp_path / "elsewhere")
    catalog = pystac.Catalog.from_file(str(moved / "catalog.json"))
    (collection,) = catalog.get_children()
    assert collection.id == "crop-maps"
    items = list(catalog.get_items(recursive=True))
    assert [item.id for item in items] == ["a", "b"]
    for item in items:
        assert item.get_collection() == collection
        assert item.properties == json.loads(made[item.id].files["item.json"])["properties"]
        stored = json.loads(made[item.id].files["item.json"])["assets"]
        for key, asset in item.assets.items():
            if stored[key]["href"].startswith("./"):
                file = Path(str(asset.get_absolute_href()))
                assert file.is_relative_to(moved)
                assert file.read_bytes() == made[item.id].files[file.name]
        with rasterio.open(item.assets["class-map"].get_absolute_href()) as source:
            assert (source.read(1) == made[item.id].classes).all()
    assert not [
        link["href"]
        for path in moved.rglob("*.json")
        for link in json.loads(path.read_text()).get("links", [])
        if link["href"].startswith("/")
    ]


def test_files_can_be_linked_instead(shop: Any, tmp_path: Path) -> None:
    shop.publish("a")
    export(tmp_path / "out", shop.settings, shop.store, shop.storage, "link")
    assert {path.name for path in (tmp_path / "out").rglob("*.*")} == {
        *("catalog.json", "collection.json", "a.json"),
    }
    (item,) = pystac.Catalog.from_file(str(tmp_path / "out/catalog.json")).get_items(recursive=True)
    assert item.assets["class-map"].href == "http://127.0.0.1:1/x/assets/a/class-map.tif"


def test_what_is_written_follows_every_schema(shop: Any, shared: Path, tmp_path: Path) -> None:
    validator = JsonSchemaSTACValidator()
    for path in (shared / "data/stac_schemas").rglob("schema.json"):
        name = path.relative_to(shared / "data/stac_schemas")
        # one of the old versions is no JSON
        with suppress(ValueError):
            validator.schema_cache[f"{SITE}{name}"] = json.loads(path.read_text(encoding="utf-8"))
    # the render extension's is not beside the checkout
    validator.schema_cache[f"{SITE}render/v2.0.0/schema.json"] = {"$schema": DRAFT}
    shop.publish("a")
    export(tmp_path / "out", shop.settings, shop.store, shop.storage)
    # as written: what pystac reads, it turns into later versions of the extensions
    for written in ("catalog.json", "crop-maps/collection.json", "crop-maps/a/a.json"):
        document = json.loads((tmp_path / "out" / written).read_text(encoding="utf-8"))
        validate_dict(document, validator=validator)


def test_a_folder_that_holds_something_is_left_alone(shop: Any, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").write_text("x")
    with pytest.raises(InvalidRequest, match="holds something"):
        export(tmp_path / "mine", shop.settings, shop.store, shop.storage)
    with pytest.raises(InvalidRequest, match="cannot be written"):
        export(tmp_path / "mine/file", shop.settings, shop.store, shop.storage)


def test_the_command_exports_the_deployment_s_products(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GEOCROP_DATA", str(tmp_path / "data"))
    target = tmp_path / "maps"
    monkeypatch.setattr("sys.argv", ["geocrop", "catalog", "export", str(target), "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    said = json.loads(capsys.readouterr().out)
    assert said == {"catalog": str(target / "catalog.json"), "items": 0}
    catalog = pystac.Catalog.from_file(said["catalog"])
    assert [child.id for child in catalog.get_children()] == ["crop-maps"]
