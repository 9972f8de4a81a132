"""What the routes of the STAC API say of themselves, where stac-fastapi says too little."""

from fastapi import APIRouter
from fastapi.routing import APIRoute

from geocrop_processes.service.described import problems

_SAID = {
    ("GET", "/stac/"): ("stacLandingPage", "The STAC API's landing page"),
    ("GET", "/stac/conformance"): ("stacConformance", "What the STAC API conforms to"),
    ("GET", "/stac/collections"): ("listStacCollections", "The collections of items"),
    ("GET", "/stac/collections/{collection_id}"): (
        "getStacCollection",
        "A collection: extent, summaries, what its items have",
    ),
    ("GET", "/stac/collections/{collection_id}/items"): (
        "listStacItems",
        "The items of a collection, filtered, sorted, by the page",
    ),
    ("GET", "/stac/collections/{collection_id}/items/{item_id}"): ("getStacItem", "An item"),
    ("GET", "/stac/search"): ("searchStacItems", "Search items by parameters"),
    ("POST", "/stac/search"): ("searchStacItemsByBody", "Search items by a JSON body"),
    ("GET", "/stac/queryables"): ("stacQueryables", "What items can be filtered and sorted by"),
    ("GET", "/stac/collections/{collection_id}/queryables"): (
        "stacCollectionQueryables",
        "What the items of a collection can be filtered and sorted by",
    ),
}
"""Operation and summary by method and path."""


def describe(router: APIRouter) -> None:
    """Give routes their operations' names, summaries and problems."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            method = next(iter(route.methods or ()))
            route.operation_id, route.summary = _SAID[method, route.path]
            statuses = [400, 404] if "{" in route.path else [400]
            route.responses = {**route.responses, **problems(*statuses)}
