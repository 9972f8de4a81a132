"""The routes under `/stac`: stac-fastapi's, over the job store.

The items are those that the pipeline wrote; what depends on the address is added when they are asked for.
"""

from collections.abc import Callable, Coroutine
from threading import Lock
from typing import Any
from urllib.parse import urlencode

import attr
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.routing import APIRoute
from stac_fastapi.api.app import StacApi
from stac_fastapi.extensions.fields import FieldsConformanceClasses, FieldsExtension
from stac_fastapi.extensions.filter import FilterConformanceClasses, FilterExtension
from stac_fastapi.extensions.filter.client import BaseFiltersClient
from stac_fastapi.extensions.sort import SortConformanceClasses, SortExtension
from stac_fastapi.types.config import ApiSettings
from stac_fastapi.types.core import BaseCoreClient
from stac_fastapi.types.search import BaseSearchPostRequest
from starlette.exceptions import HTTPException

import geocrop_processes
from geocrop_processes.publish.assets import GEOJSON
from geocrop_processes.service.described import JSON
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.openapi.document import part
from geocrop_processes.service.openapi.routes import MEDIA_TYPE as OPENAPI
from geocrop_processes.service.problems import BLANK, Problem, invalid
from geocrop_processes.service.products import COLLECTION
from geocrop_processes.service.stac.addresses import PREFIX, Addresses, link
from geocrop_processes.service.stac.collection import (
    DESCRIPTION,
    STAC_VERSION,
    TITLE,
    description,
    together,
)
from geocrop_processes.service.stac.described import describe
from geocrop_processes.service.stac.fields import chosen
from geocrop_processes.service.stac.queryables import document
from geocrop_processes.service.stac.search import (
    ItemsGet,
    Search,
    SearchGet,
    of_parameters,
    parse,
    sentence,
)
from geocrop_processes.service.urls import public_url
from geocrop_processes.settings import Settings

Json = dict[str, Any]

_SCHEMA = "application/schema+json"
_QUERYABLES = "http://www.opengis.net/def/rel/ogc/1.0/queryables"

_Cql2 = FilterConformanceClasses
FILTER_CLASSES = (
    _Cql2.FILTER,
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables",
    _Cql2.SEARCH,
    _Cql2.ITEMS,
    _Cql2.CQL2_TEXT,
    _Cql2.CQL2_JSON,
    _Cql2.BASIC_CQL2,
    _Cql2.ADVANCED_COMPARISON_OPERATORS,
    _Cql2.BASIC_SPATIAL_FUNCTIONS,
    _Cql2.BASIC_SPATIAL_FUNCTIONS_PLUS,
    _Cql2.SPATIAL_FUNCTIONS,
)
"""What holds of filters."""


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
class _Queryables(BaseFiltersClient):
    """What can be filtered by: the same of every item."""

    at: Addresses = attr.ib(kw_only=True)

    def get_queryables(self, collection_id: str | None = None, **_: Any) -> Json:
        """`GET /stac/queryables` and `GET /stac/collections/{collection_id}/queryables`."""
        if collection_id is not None:
            _check_collection(collection_id)
            return document(f"{self.at.collection}/queryables", TITLE)
        return document(f"{self.at.root}/queryables", TITLE)


@attr.s
class _Catalog(BaseCoreClient):
    """What the routes call."""

    at: Addresses = attr.ib(kw_only=True)
    store: JobStore = attr.ib(kw_only=True)
    _known: tuple[Any, Json] | None = attr.ib(default=None, init=False)
    _lock: Lock = attr.ib(factory=Lock, init=False)

    def landing_page(self, **_: Any) -> Any:
        """`GET /stac/`."""
        classes = [str(c) for c in self.conformance_classes()]
        page: Json = dict(self._landing_page(f"{self.at.root}/", classes, []))
        page["links"].append(link("child", self.at.collection, JSON, title=TITLE))
        page["links"].append(link("service-desc", f"{self.at.root}/api", OPENAPI))
        page["links"].append(link(_QUERYABLES, f"{self.at.root}/queryables", _SCHEMA))
        return page

    def all_collections(self, **_: Any) -> Any:
        """`GET /stac/collections`."""
        links = [
            link("self", f"{self.at.root}/collections", JSON),
            link("root", f"{self.at.root}/", JSON),
        ]
        return {
            "collections": [self._describe()],
            "links": links,
            "numberMatched": 1,
            "numberReturned": 1,
        }

    def get_collection(self, collection_id: str, **_: Any) -> Any:
        """`GET /stac/collections/{collection_id}`."""
        _check_collection(collection_id)
        return self._describe()

    def get_item(self, item_id: str, collection_id: str, **_: Any) -> Any:
        """`GET /stac/collections/{collection_id}/items/{item_id}`."""
        _check_collection(collection_id)
        item = self.store.item(item_id)
        if item is None:
            detail = f"There is no item {item_id!r} in {COLLECTION}."
            raise Problem(404, "No such item", detail, BLANK)
        return self.at.complete(item)

    def item_collection(  # type: ignore[override]  # called by the names of ItemsGet
        self, collection_id: str, **kwargs: Any
    ) -> Any:
        """`GET /stac/collections/{collection_id}/items`."""
        _check_collection(collection_id)
        request: Request = kwargs.pop("request")
        given = {**kwargs, "collections": [COLLECTION]}
        search = of_parameters(given, some_fields="fields" in request.query_params)
        return self._page(request, search, f"{self.at.collection}/items")

    def get_search(  # type: ignore[override]  # called by the names of SearchGet
        self, **kwargs: Any
    ) -> Any:
        """`GET /stac/search`."""
        request: Request = kwargs.pop("request")
        search = of_parameters(kwargs, some_fields="fields" in request.query_params)
        return self._page(request, search, f"{self.at.root}/search")

    def post_search(self, search_request: BaseSearchPostRequest, **kwargs: Any) -> Any:
        """`POST /stac/search`."""
        # of fields, a list that is null and one that is not there differ
        search = parse(search_request.model_dump(exclude_unset=True, by_alias=True))
        return self._page(kwargs["request"], search, f"{self.at.root}/search")

    def _page(self, request: Request, search: Search, address: str) -> Json:
        """What a search finds, with a link to the next page in the way that it was asked."""
        found, total = self.store.items(
            **search.conditions(), limit=search.count, offset=search.first
        )
        choose = chosen(search.fields)
        after = search.first + len(found)
        query = f"?{request.url.query}" if request.url.query else ""
        links = [
            link("self", f"{address}{query}", GEOJSON),
            link("root", f"{self.at.root}/", JSON),
        ]
        if found and after < total:
            links.append(_next(request, search, address, after))
        return {
            "type": "FeatureCollection",
            "features": [choose(self.at.complete(item)) for item in found],
            "links": links,
            "numberMatched": total,
            "numberReturned": len(found),
        }

    def _describe(self) -> Json:
        """The collection; summed up anew only when products have come or gone."""
        state = self.store.state_of_items()
        with self._lock:
            if self._known is None or self._known[0] != state:
                self._known = state, together(self.store.contents(), self.at.settings)
            known = self._known[1]
        links = [
            link("self", self.at.collection, JSON),
            link("root", f"{self.at.root}/", JSON),
            link("parent", f"{self.at.root}/", JSON),
            link("items", f"{self.at.collection}/items", GEOJSON),
            link(_QUERYABLES, f"{self.at.collection}/queryables", _SCHEMA),
        ]
        return {**description(self.at.settings), **known, "links": links}


def add_catalog(app: FastAPI, settings: Settings, store: JobStore) -> None:
    """Add the STAC API to an application, under `/stac`."""
    title = f"{TITLE} of {settings.region.name}"
    at = Addresses(settings)
    queryables = APIRouter(route_class=_Route)
    api = StacApi(
        # an application of its own takes what StacApi gives to one beside routes: error handlers, middleware
        app=FastAPI(title=title, description=DESCRIPTION, version=geocrop_processes.__version__),
        router=APIRouter(prefix=PREFIX, route_class=_Route),
        settings=ApiSettings(
            _env_file=None,
            stac_fastapi_title=title,
            stac_fastapi_description=DESCRIPTION,
            stac_fastapi_landing_id="geocrop",
            stac_fastapi_version=STAC_VERSION,
            openapi_url="/openapi.json",
        ),
        stac_version=STAC_VERSION,
        client=_Catalog(at=at, store=store, landing_page_id="geocrop"),
        extensions=[
            FilterExtension(
                client=_Queryables(at=at),
                conformance_classes=[*FILTER_CLASSES],
                router=queryables,
            ),
            SortExtension(
                conformance_classes=[
                    SortConformanceClasses.ITEM_SEARCH_SORT,
                    SortConformanceClasses.FEATURES_SORT,
                    # as clients know them that are older than 1.1
                    "https://api.stacspec.org/v1.0.0/item-search#sort",
                    "https://api.stacspec.org/v1.0.0/ogcapi-features#sort",
                ]
            ),
            FieldsExtension(
                conformance_classes=[
                    FieldsConformanceClasses.SEARCH,
                    FieldsConformanceClasses.ITEMS,
                ]
            ),
        ],
        search_get_request_model=SearchGet,
        search_post_request_model=Search,
        items_get_request_model=ItemsGet,
    )
    for router in (api.router, queryables):
        describe(router)
        app.include_router(router, tags=["STAC"])

    @app.get(PREFIX, include_in_schema=False)
    def bare() -> RedirectResponse:
        return RedirectResponse(f"{public_url(settings)}{PREFIX}/", 308)

    @app.get(f"{PREFIX}/api", include_in_schema=False)
    def api_description() -> JSONResponse:
        return JSONResponse(part(app.openapi(), PREFIX), media_type=OPENAPI)


def _check_collection(name: str) -> None:
    if name != COLLECTION:
        detail = f"There is no collection {name!r}; there is {COLLECTION!r}."
        raise Problem(404, "No such collection", detail, BLANK)


def _next(request: Request, search: Search, address: str, offset: int) -> Json:
    if request.method == "POST":
        body = search.model_dump(mode="json", exclude_unset=True, by_alias=True)
        return link("next", address, GEOJSON, method="POST", body=body | {"offset": offset})
    asked = [(k, v) for k, v in request.query_params.multi_items() if k != "offset"]
    query = urlencode([*asked, ("offset", str(offset))])
    return link("next", f"{address}?{query}", GEOJSON, method="GET")
