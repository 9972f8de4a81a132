"""Addresses of the STAC API, and items with theirs: what the pipeline wrote has relative ones."""

from dataclasses import dataclass
from typing import Any

from geocrop_processes.publish.assets import GEOJSON
from geocrop_processes.service.assets import asset_url
from geocrop_processes.service.described import JSON
from geocrop_processes.service.products import COLLECTION
from geocrop_processes.service.tiles import tilejson_url
from geocrop_processes.service.urls import public_url
from geocrop_processes.settings import Settings

Json = dict[str, Any]

PREFIX = "/stac"
"""Where the API begins."""


@dataclass(frozen=True)
class Addresses:
    """Where clients find what."""

    settings: Settings
    """The deployment."""

    @property
    def root(self) -> str:
        """The API, without a slash at its end."""
        return f"{public_url(self.settings)}{PREFIX}"

    @property
    def collection(self) -> str:
        """The collection of all products."""
        return f"{self.root}/collections/{COLLECTION}"

    def complete(self, item: Json) -> Json:
        """An item with addresses: its own, its collection's, its files'."""
        here = f"{self.collection}/items/{item['id']}"
        own = [
            link("self", here, GEOJSON),
            link("root", f"{self.root}/", JSON),
            link("parent", self.collection, JSON),
            link("collection", self.collection, JSON),
            link("tilejson", tilejson_url(self.settings, item["id"]), JSON),
        ]
        rels = {each["rel"] for each in own}
        return {
            **item,
            "collection": COLLECTION,
            "links": own
            + [
                {**each, "href": self._file(item["id"], each["href"])}
                for each in item["links"]
                if each["rel"] not in rels
            ],
            "assets": {
                key: {**asset, "href": self._file(item["id"], asset["href"])}
                for key, asset in item["assets"].items()
            },
        }

    def _file(self, job_id: str, href: str) -> str:
        """The address of a file; those of a model's files in the registry stay."""
        if not href.startswith("./"):
            return href
        return asset_url(self.settings, job_id, href.removeprefix("./"))


def link(rel: str, href: str, media_type: str, **more: Any) -> Json:
    """A link as JSON."""
    return {"rel": rel, "href": href, "type": media_type, **more}
