"""Every product in a STAC API: stac-fastapi's routes over the job store.

The items are those that the pipeline wrote; what depends on the address is added when they are asked for.
"""

import json
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from datetime import datetime
from threading import Lock
from typing import Any
from urllib.parse import urlencode

import attr
import shapely  # type: ignore[import-untyped]
from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.routing import APIRoute
from pydantic import ValidationError, model_validator
from stac_fastapi.api.app import StacApi
from stac_fastapi.api.models import ItemCollectionUri
from stac_fastapi.extensions.pagination.request import GETOffsetPagination, POSTOffsetPagination
from stac_fastapi.types.config import ApiSettings
from stac_fastapi.types.core import BaseCoreClient
from stac_fastapi.types.rfc3339 import str_to_interval
from stac_fastapi.types.search import BaseSearchGetRequest, BaseSearchPostRequest

import geocrop_processes
from geocrop_processes.domain.grid import PIXEL_M
from geocrop_processes.publish.assets import KINDS
from geocrop_processes.service.assets import asset_url
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.problems import BLANK, Problem, invalid
from geocrop_processes.service.products import COLLECTION
from geocrop_processes.service.tiles import tilejson_url
from geocrop_processes.service.urls import public_url
from geocrop_processes.settings import Settings

Json = dict[str, Any]

PREFIX = "/stac"
"""Where the API begins."""
MAX_LIMIT = 1000
"""The most items on a page; whoever asks for more gets so many."""

_DEFAULT_LIMIT = 10
_STAC_VERSION = "1.1.0"
_TITLE = "Crop maps"
_DESCRIPTION = "Crop-type maps from Sentinel-2, one item per map: classes, confidence, figures."
_JSON, _GEOJSON = "application/json", "application/geo+json"
_OPENAPI = "application/vnd.oai.openapi+json;version=3.1"
_WALK = 500
"""Items that are read from the store at once where all are looked at."""
_MAX_OFFSET = 2**31 - 1


class _Route(APIRoute):
    """A route whose unusable parameters are a client's error 400, whatever the application does elsewhere."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler that FastAPI calls."""
        handle = super().get_route_handler()

        async def handle_and_explain(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                raise invalid(_sentence(error)) from error
            except HTTPException as error:
                raise invalid(f"{error.detail.rstrip('.')}.") from error

        return handle_and_explain


@attr.s
class _SearchGet(BaseSearchGetRequest, GETOffsetPagination):
    """The parameters of a search by GET."""


@attr.s
class _ItemsGet(ItemCollectionUri, GETOffsetPagination):
    """The parameters of a list of items."""


class _Search(BaseSearchPostRequest, POSTOffsetPagination):
    """What is searched."""

    @model_validator(mode="before")
    @classmethod
    def _is_an_object(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            # the validator that this class inherits would end in an AttributeError
            raise ValueError("a search is a JSON object")  # noqa: TRY004 (pydantic reports only this kind)
        return values


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
        page["links"].append(_link("child", self._collection, _JSON, title=_TITLE))
        page["links"].append(_link("service-desc", f"{self._root}/api", _OPENAPI))
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

    def item_collection(  # type: ignore[override]  # called by the names of _ItemsGet
        self, collection_id: str, **kwargs: Any
    ) -> Any:
        """`GET /stac/collections/{collection_id}/items`."""
        _check_collection(collection_id)
        request: Request = kwargs.pop("request")
        search = _parse({**kwargs, "collections": [COLLECTION]})
        return self._page(request, search, f"{self._collection}/items")

    def get_search(  # type: ignore[override]  # called by the names of _SearchGet
        self, **kwargs: Any
    ) -> Any:
        """`GET /stac/search`."""
        request: Request = kwargs.pop("request")
        if kwargs["intersects"] is not None:
            try:
                kwargs["intersects"] = json.loads(kwargs["intersects"])
            except (ValueError, RecursionError) as error:
                raise invalid("intersects is not a GeoJSON geometry.") from error
        return self._page(request, _parse(kwargs), f"{self._root}/search")

    def post_search(self, search_request: BaseSearchPostRequest, **kwargs: Any) -> Any:
        """`POST /stac/search`."""
        search = _parse(search_request.model_dump(exclude_none=True))
        return self._page(kwargs["request"], search, f"{self._root}/search")

    @property
    def _root(self) -> str:
        return f"{public_url(self.settings)}{PREFIX}"

    @property
    def _collection(self) -> str:
        return f"{self._root}/collections/{COLLECTION}"

    def _page(self, request: Request, search: _Search, address: str) -> Json:
        """What a search finds, with a link to the next page in the way that it was asked."""
        limit = min(search.limit or _DEFAULT_LIMIT, MAX_LIMIT)
        offset = search.offset or 0
        items, total = self._find(search, limit, offset)
        after = offset + len(items)
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

    def _find(self, search: _Search, limit: int, offset: int) -> tuple[Sequence[Json], int]:
        start, end = _interval(search.datetime)
        asked: Json = {
            "collections": search.collections or None,
            "ids": search.ids or None,
            "bbox": _box(search.bbox),
            "start": start,
            "end": end,
        }
        area = _area(search)
        if area is None:
            return self.store.items(**asked, limit=limit, offset=offset)
        found = list(self._meeting(area, asked))
        return found[offset : offset + limit], len(found)

    def _meeting(self, area: Any, asked: Json) -> Iterator[Json]:
        """The items whose footprints meet an area."""
        shapely.prepare(area)
        for item in self._walk({**asked, "bbox": _box(area.bounds)}):
            try:
                meets = area.intersects(shapely.geometry.shape(item["geometry"]))
            except shapely.errors.ShapelyError as error:
                raise invalid(f"intersects is no usable geometry: {error}.") from error
            if meets:
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
            "links": own + [link for link in item["links"] if link["rel"] not in rels],
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
        """The collection with the extent of what there is."""
        return {
            "type": "Collection",
            "stac_version": _STAC_VERSION,
            "id": COLLECTION,
            "title": _TITLE,
            "description": _DESCRIPTION,
            "keywords": ["crop type", "Sentinel-2", "agriculture", self.settings.region.name],
            "license": "other",
            "providers": [{"name": "GeoCrop", "roles": ["processor", "host"]}],
            **self._contents(),
            "item_assets": {
                key: {"title": kind.title, "type": kind.media_type, "roles": list(kind.roles)}
                for key, kind in KINDS.items()
            },
            "links": [
                _link("self", self._collection, _JSON),
                _link("root", f"{self._root}/", _JSON),
                _link("parent", f"{self._root}/", _JSON),
                _link("items", f"{self._collection}/items", _GEOJSON),
            ],
        }

    def _contents(self) -> Json:
        """Extent and summaries; counted anew only when products have come or gone."""
        newest, total = self.store.items(limit=1)
        state = total, [item["id"] for item in newest]
        with self._lock:
            if self._known is None or self._known[0] != state:
                self._known = state, _summarise(list(self._walk({})), self.settings)
            return self._known[1]


def add_catalog(app: FastAPI, settings: Settings, store: JobStore) -> None:
    """Add the STAC API to an application, under `/stac`."""
    title = f"{_TITLE} of {settings.region.name}"
    api = StacApi(
        # an application of its own takes what StacApi gives to one beside routes: error handlers, middleware
        app=FastAPI(title=title, description=_DESCRIPTION, version=geocrop_processes.__version__),
        router=APIRouter(prefix=PREFIX, route_class=_Route, tags=["STAC"]),
        settings=ApiSettings(
            _env_file=None,
            stac_fastapi_title=title,
            stac_fastapi_description=_DESCRIPTION,
            stac_fastapi_landing_id="geocrop",
            stac_fastapi_version=_STAC_VERSION,
            openapi_url="/openapi.json",
        ),
        stac_version=_STAC_VERSION,
        client=_Catalog(settings=settings, store=store, landing_page_id="geocrop"),
        search_get_request_model=_SearchGet,
        search_post_request_model=_Search,
        items_get_request_model=_ItemsGet,
    )

    @app.get(PREFIX, include_in_schema=False)
    def bare() -> RedirectResponse:
        return RedirectResponse(f"{public_url(settings)}{PREFIX}/", 308)

    @app.get(f"{PREFIX}/api", include_in_schema=False)
    def description() -> JSONResponse:
        return JSONResponse(_openapi(api.app, settings), media_type=_OPENAPI)

    app.include_router(api.router)


def _openapi(app: FastAPI, settings: Settings) -> Json:
    """What FastAPI says of the routes, without those that StacApi adds for its own keepers."""
    document = app.openapi()
    paths = {path: said for path, said in document["paths"].items() if "/_mgmt/" not in path}
    return {**document, "servers": [{"url": public_url(settings)}], "paths": paths}


def _parse(values: Mapping[str, Any]) -> _Search:
    try:
        search = _Search.model_validate({k: v for k, v in values.items() if v is not None})
    except ValidationError as error:
        raise invalid(_sentence(error)) from error
    if not 0 <= (search.offset or 0) <= _MAX_OFFSET:
        raise invalid(f"offset must be 0 or more, not {search.offset}.")
    for name, values_of_name in (("ids", search.ids), ("collections", search.collections)):
        if len(values_of_name or ()) > MAX_LIMIT:
            raise invalid(f"{name} holds more than {MAX_LIMIT} values.")
    return search


def _sentence(error: ValidationError | RequestValidationError) -> str:
    """The first of the errors in a sentence."""
    first = error.errors()[0]
    names = [str(part) for part in first["loc"] if part not in {"body", "query", "path"}]
    return f"{'.'.join(names) or 'The search'} is not usable: {first['msg']}."


def _interval(text: str | None) -> tuple[datetime | None, datetime | None]:
    """First and last moment of what is asked for."""
    interval = str_to_interval(text)
    if isinstance(interval, datetime):
        return interval, interval
    return interval or (None, None)


def _box(numbers: Any) -> tuple[float, float, float, float] | None:
    """West, south, east, north; heights are left out."""
    if numbers is None:
        return None
    sides = [float(n) for n in numbers]
    west, south, east, north = sides if len(sides) == 4 else sides[:2] + sides[3:5]
    inside = all(-180 <= x <= 180 for x in (west, east)) and -90 <= south <= north <= 90
    if not inside:
        raise invalid(f"The sides of a box are west, south, east, north in degrees, not {sides}.")
    return west, south, east, north


def _area(search: _Search) -> Any:
    """The geometry that items must meet where a box is not enough; else None."""
    box = _box(search.bbox)
    if box is not None and box[0] > box[2]:
        # over the antimeridian
        west, south, east, north = box
        return shapely.union(
            shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)
        )
    if search.intersects is None:
        return None
    try:
        return shapely.geometry.shape(search.intersects.model_dump())
    except (shapely.errors.ShapelyError, ValueError) as error:
        raise invalid(f"intersects is no usable geometry: {error}.") from error


def _check_collection(name: str) -> None:
    if name != COLLECTION:
        detail = f"There is no collection {name!r}; there is {COLLECTION!r}."
        raise Problem(404, "No such collection", detail, BLANK)


def _next(request: Request, search: _Search, address: str, offset: int) -> Json:
    if request.method == "POST":
        body = search.model_dump(mode="json", exclude_none=True) | {"offset": offset}
        return {**_link("next", address, _GEOJSON), "method": "POST", "body": body}
    asked = [(k, v) for k, v in request.query_params.multi_items() if k != "offset"]
    query = urlencode([*asked, ("offset", str(offset))])
    return {**_link("next", f"{address}?{query}", _GEOJSON), "method": "GET"}


def _link(rel: str, href: str, media_type: str, **more: str) -> Json:
    return {"rel": rel, "href": href, "type": media_type, **more}


def _summarise(items: list[Json], settings: Settings) -> Json:
    """Extent and summaries of all items; of none: the region that is mapped, at any time."""
    if not items:
        region = settings.region
        box = [region.west, region.south, region.east, region.north]
        return {"extent": _extent(box, [None, None]), "summaries": {"gsd": [PIXEL_M]}}
    boxes = list(zip(*(item["bbox"] for item in items), strict=True))
    box = [min(boxes[0]), min(boxes[1]), max(boxes[2]), max(boxes[3])]
    properties = [item["properties"] for item in items]
    start = min(p["start_datetime"] for p in properties)
    end = max(p["end_datetime"] for p in properties)
    models = {f"{p['geocrop:model']['name']}@{p['geocrop:model']['version']}" for p in properties}
    return {
        "extent": _extent(box, [start, end]),
        "summaries": {
            "gsd": [PIXEL_M],
            "proj:code": sorted({p["proj:code"] for p in properties}),
            "geocrop:simulated": sorted({p["geocrop:simulated"] for p in properties}),
            "geocrop:season": sorted({p["geocrop:season"]["year"] for p in properties}),
            "geocrop:model": sorted(models),
        },
    }


def _extent(box: list[float], interval: list[str | None]) -> Json:
    return {"spatial": {"bbox": [box]}, "temporal": {"interval": [interval]}}
