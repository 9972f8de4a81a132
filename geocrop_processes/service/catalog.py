"""Every product in a STAC API: stac-fastapi's routes over the job store.

The items are those that the pipeline wrote; what depends on the address is added when they are asked for.
"""

import json
from collections.abc import Callable, Coroutine, Iterator, Sequence
from threading import Lock
from typing import Any
from urllib.parse import urlencode

import attr
import shapely
from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.routing import APIRoute
from stac_fastapi.api.app import StacApi
from stac_fastapi.types.config import ApiSettings
from stac_fastapi.types.core import BaseCoreClient
from stac_fastapi.types.search import BaseSearchPostRequest

import geocrop_processes
from geocrop_processes.service.assets import asset_url
from geocrop_processes.service.collection import (
    DESCRIPTION,
    STAC_VERSION,
    TITLE,
    contents,
    description,
)
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.openapi.document import part
from geocrop_processes.service.openapi.routes import MEDIA_TYPE as OPENAPI
from geocrop_processes.service.problems import BLANK, Problem, invalid
from geocrop_processes.service.products import COLLECTION
from geocrop_processes.service.search import (
    ItemsGet,
    Search,
    SearchGet,
    box_of,
    parse,
    sentence,
)
from geocrop_processes.service.tiles import tilejson_url
from geocrop_processes.service.urls import public_url
from geocrop_processes.settings import Settings

Json = dict[str, Any]

PREFIX = "/stac"
"""Where the API begins."""

_JSON, _GEOJSON = "application/json", "application/geo+json"
_WALK = 500
"""Items that are read from the store at once where all are looked at."""


class _Route(APIRoute):
    """A route whose unusable parameters are a client's error 400, whatever the application does elsewhere."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler that FastAPI calls."""
        handle = super().get_route_handler()

        async def handle_and_explain(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                raise invalid(sentence(error)) from error
            except HTTPException as error:
                raise invalid(f"{error.detail.rstrip('.')}.") from error
            except OverflowError as error:
                raise invalid("datetime lies beyond the ends of the calendar.") from error

        return handle_and_explain


@attr.s
class _Catalog(BaseCoreClient):
    """What the routes call."""

    settings: Settings = attr.ib(kw_only=True)
    store: JobStore = attr.ib(kw_only=True)
    _known: tuple[Any, Json] | None = attr.ib(default=None, init=False)
    _lock: Lock = attr.ib(factory=Lock, init=False)

    def landing_page(self, **_: Any) -> Any:
        """`GET /stac/`."""
        page: Json = dict(
            self._landing_page(f"{self._root}/", [str(c) for c in self.conformance_classes()], [])
        )
        page["links"].append(_link("child", self._collection, _JSON, title=TITLE))
        page["links"].append(_link("service-desc", f"{self._root}/api", OPENAPI))
        return page

    def all_collections(self, **_: Any) -> Any:
        """`GET /stac/collections`."""
        links = [
            _link("self", f"{self._root}/collections", _JSON),
            _link("root", f"{self._root}/", _JSON),
        ]
        return {"collections": [self._describe()], "links": links, "numberMatched": 1}

    def get_collection(self, collection_id: str, **_: Any) -> Any:
        """`GET /stac/collections/{collection_id}`."""
        _check_collection(collection_id)
        return self._describe()

    def get_item(self, item_id: str, collection_id: str, **_: Any) -> Any:
        """`GET /stac/collections/{collection_id}/items/{item_id}`."""
        _check_collection(collection_id)
        items, _total = self.store.items(ids=[item_id], limit=1)
        if not items:
            detail = f"There is no item {item_id!r} in {COLLECTION}."
            raise Problem(404, "No such item", detail, BLANK)
        return self._complete(items[0])

    def item_collection(  # type: ignore[override]  # called by the names of ItemsGet
        self, collection_id: str, **kwargs: Any
    ) -> Any:
        """`GET /stac/collections/{collection_id}/items`."""
        _check_collection(collection_id)
        request: Request = kwargs.pop("request")
        search = parse({**kwargs, "collections": [COLLECTION]})
        return self._page(request, search, f"{self._collection}/items")

    def get_search(  # type: ignore[override]  # called by the names of SearchGet
        self, **kwargs: Any
    ) -> Any:
        """`GET /stac/search`."""
        request: Request = kwargs.pop("request")
        if kwargs["intersects"] is not None:
            try:
                kwargs["intersects"] = json.loads(kwargs["intersects"])
            except (ValueError, RecursionError) as error:
                raise invalid("intersects is not a GeoJSON geometry.") from error
        return self._page(request, parse(kwargs), f"{self._root}/search")

    def post_search(self, search_request: BaseSearchPostRequest, **kwargs: Any) -> Any:
        """`POST /stac/search`."""
        search = parse(search_request.model_dump(exclude_none=True))
        return self._page(kwargs["request"], search, f"{self._root}/search")

    @property
    def _root(self) -> str:
        return f"{public_url(self.settings)}{PREFIX}"

    @property
    def _collection(self) -> str:
        return f"{self._root}/collections/{COLLECTION}"

    def _page(self, request: Request, search: Search, address: str) -> Json:
        """What a search finds, with a link to the next page in the way that it was asked."""
        items, total = self._find(search)
        after = search.first + len(items)
        query = f"?{request.url.query}" if request.url.query else ""
        links = [
            _link("self", f"{address}{query}", _GEOJSON),
            _link("root", f"{self._root}/", _JSON),
        ]
        if items and after < total:
            links.append(_next(request, search, address, after))
        return {
            "type": "FeatureCollection",
            "features": [self._complete(item) for item in items],
            "links": links,
            "numberMatched": total,
            "numberReturned": len(items),
        }

    def _find(self, search: Search) -> tuple[Sequence[Json], int]:
        asked, area = search.conditions(), search.area()
        if area is None:
            return self.store.items(**asked, limit=search.count, offset=search.first)
        found = list(self._meeting(area, asked))
        return found[search.first : search.first + search.count], len(found)

    def _meeting(self, area: Any, asked: Json) -> Iterator[Json]:
        """The items whose footprints meet an area."""
        shapely.prepare(area)
        for item in self._walk({**asked, "bbox": box_of(area.bounds)}):
            if area.intersects(shapely.geometry.shape(item["geometry"])):
                yield item

    def _walk(self, asked: Json) -> Iterator[Json]:
        """Every item that is asked for, read from the store page by page."""
        offset, total = 0, 1
        while offset < total:
            items, total = self.store.items(**asked, limit=_WALK, offset=offset)
            yield from items
            offset += _WALK

    def _complete(self, item: Json) -> Json:
        """An item with addresses: its own, its collection's, its files'."""
        here = f"{self._collection}/items/{item['id']}"
        own = [
            _link("self", here, _GEOJSON),
            _link("root", f"{self._root}/", _JSON),
            _link("parent", self._collection, _JSON),
            _link("collection", self._collection, _JSON),
            _link("tilejson", tilejson_url(self.settings, item["id"]), _JSON),
        ]
        rels = {link["rel"] for link in own}
        return {
            **item,
            "collection": COLLECTION,
            "links": own
            + [
                {**link, "href": self._address(item["id"], link["href"])}
                for link in item["links"]
                if link["rel"] not in rels
            ],
            "assets": {
                key: {**asset, "href": self._address(item["id"], asset["href"])}
                for key, asset in item["assets"].items()
            },
        }

    def _address(self, job_id: str, href: str) -> str:
        """The address of a file; those of a model's files in the registry stay."""
        if not href.startswith("./"):
            return href
        return asset_url(self.settings, job_id, href.removeprefix("./"))

    def _describe(self) -> Json:
        """The collection; looked up anew only when products have come or gone."""
        newest, total = self.store.items(limit=1)
        state = total, [item["id"] for item in newest]
        with self._lock:
            if self._known is None or self._known[0] != state:
                self._known = state, contents(list(self._walk({})), self.settings)
            known = self._known[1]
        links = [
            _link("self", self._collection, _JSON),
            _link("root", f"{self._root}/", _JSON),
            _link("parent", f"{self._root}/", _JSON),
            _link("items", f"{self._collection}/items", _GEOJSON),
        ]
        return {**description(self.settings), **known, "links": links}


def add_catalog(app: FastAPI, settings: Settings, store: JobStore) -> None:
    """Add the STAC API to an application, under `/stac`."""
    title = f"{TITLE} of {settings.region.name}"
    api = StacApi(
        # an application of its own takes what StacApi gives to one beside routes: error handlers, middleware
        app=FastAPI(title=title, description=DESCRIPTION, version=geocrop_processes.__version__),
        router=APIRouter(prefix=PREFIX, route_class=_Route, tags=["STAC"]),
        settings=ApiSettings(
            _env_file=None,
            stac_fastapi_title=title,
            stac_fastapi_description=DESCRIPTION,
            stac_fastapi_landing_id="geocrop",
            stac_fastapi_version=STAC_VERSION,
            openapi_url="/openapi.json",
        ),
        stac_version=STAC_VERSION,
        client=_Catalog(settings=settings, store=store, landing_page_id="geocrop"),
        search_get_request_model=SearchGet,
        search_post_request_model=Search,
        items_get_request_model=ItemsGet,
    )

    @app.get(PREFIX, include_in_schema=False)
    def bare() -> RedirectResponse:
        return RedirectResponse(f"{public_url(settings)}{PREFIX}/", 308)

    @app.get(f"{PREFIX}/api", include_in_schema=False)
    def api_description() -> JSONResponse:
        return JSONResponse(part(app.openapi(), PREFIX), media_type=OPENAPI)

    app.include_router(api.router)


def _check_collection(name: str) -> None:
    if name != COLLECTION:
        detail = f"There is no collection {name!r}; there is {COLLECTION!r}."
        raise Problem(404, "No such collection", detail, BLANK)


def _next(request: Request, search: Search, address: str, offset: int) -> Json:
    if request.method == "POST":
        body = search.model_dump(mode="json", exclude_none=True) | {"offset": offset}
        return {**_link("next", address, _GEOJSON), "method": "POST", "body": body}
    asked = [(k, v) for k, v in request.query_params.multi_items() if k != "offset"]
    query = urlencode([*asked, ("offset", str(offset))])
    return {**_link("next", f"{address}?{query}", _GEOJSON), "method": "GET"}


def _link(rel: str, href: str, media_type: str, **more: str) -> Json:
    return {"rel": rel, "href": href, "type": media_type, **more}
