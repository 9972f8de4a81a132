"""The routes of collections: the list, what is said of each, its pixels."""

import anyio
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from geocrop_processes.publish.assets import COG
from geocrop_processes.service.collections.answers import coverage_answer
from geocrop_processes.service.collections.covjson import EARLIER_MEDIA_TYPE, MEDIA_TYPE
from geocrop_processes.service.collections.description import (
    SCHEMA,
    address,
    describe_whole,
    legend_document,
)
from geocrop_processes.service.collections.everything import Collections
from geocrop_processes.service.collections.fields import schema_of
from geocrop_processes.service.collections.listing import collections_page
from geocrop_processes.service.collections.pictures import add_pictures
from geocrop_processes.service.collections.said import (
    COLLECTION_SCHEMA,
    COLLECTIONS_SCHEMA,
    COVERAGE_PARAMETERS,
    Name,
)
from geocrop_processes.service.collections.tilesets import tile_address
from geocrop_processes.service.collections.varied import Varied
from geocrop_processes.service.described import (
    HTML,
    JSON,
    PNG,
    answer,
    formats,
    parameter,
    problems,
)
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.negotiation import of_json, wants_html
from geocrop_processes.service.pages import shown
from geocrop_processes.service.pages.collections import collection_page, list_page
from geocrop_processes.service.products import COLLECTION
from geocrop_processes.settings import Settings
from geocrop_processes.storage import Storage

AT_ONCE = 4
"""Coverages that are computed at the same time: each may take a core and some hundred megabytes."""


def collections_router(
    settings: Settings, store: JobStore, storage: Storage | None = None
) -> APIRouter:
    """All routes of collections; they come before those of tiles."""
    collections = Collections(settings, store, storage or settings.open_storage())
    router = APIRouter(route_class=Varied)
    _tell_collections(router, collections)
    _give_pixels(router, collections)
    add_pictures(router, collections)
    return router


def _tell_collections(router: APIRouter, collections: Collections) -> None:
    @router.get(
        "/collections",
        summary="The collections: all maps together, and each of them",
        description="Newest first; `crop-maps`, which is all of them, comes before the others.",
        operation_id="listCollections",
        tags=["Collections"],
        response_class=Response,
        responses=problems(404)
        | {200: answer("A page of them.", JSON, HTML, schema=COLLECTIONS_SCHEMA)},
        openapi_extra={
            "parameters": [
                formats("json", "html"),
                *map(parameter, ("limit", "offset", "bbox", "datetime")),
            ]
        },
    )
    def listed(request: Request) -> Response:
        document = collections_page(collections, request)
        return list_page(request, document) if wants_html(request) else of_json(document)

    @router.get(
        "/collections/{collection_id}",
        summary="A collection: its extent, grid, reference systems and links",
        operation_id="describeCollection",
        tags=["Collections"],
        response_class=Response,
        responses={200: answer("The collection.", JSON, HTML, schema=COLLECTION_SCHEMA)},
        openapi_extra={"parameters": [formats("json", "html")]},
    )
    def described(collection_id: Name, request: Request) -> Response:
        coverage = collections.get(collection_id)
        document = describe_whole(coverage, collections.settings)
        if not wants_html(request):
            return JSONResponse(document)
        legend = legend_document(coverage, collections.settings)["classes"]
        tiles = tile_address(collections.settings, coverage.id, "{z}", "{x}", "{y}")
        return collection_page(request, document, legend, tiles)

    @router.get(
        "/collections/{collection_id}/schema",
        summary="What the fields of a collection mean, as JSON Schema",
        operation_id="getCollectionSchema",
        tags=["Collections"],
        response_class=Response,
        responses=problems(404)
        | {200: answer("The schema.", SCHEMA, HTML, schema={"type": "object"})},
        openapi_extra={"parameters": [formats("json", "html")]},
    )
    def schema(collection_id: Name, request: Request) -> Response:
        coverage = collections.get(collection_id)
        here = address(collections.settings, coverage.id, "/schema")
        document = schema_of(here, coverage.title, coverage.fields)
        return shown(request, document, f"Fields of {coverage.title}", SCHEMA)


def _give_pixels(router: APIRouter, collections: Collections) -> None:
    # those that wait hold no thread, which the other routes need
    turns = anyio.CapacityLimiter(AT_ONCE)

    @router.get(
        "/collections/{collection_id}/coverage",
        summary="Pixels of a collection",
        description="Without parameters the class map of a product as it is stored, with byte ranges. A part of it is "
        "asked for by `bbox` or `subset`, other fields than the class by `properties`, fewer pixels by `scale-factor`. "
        f"Of `{COLLECTION}` the newest map of each pixel is given, of the newest season where no time is.",
        # the suffix is that of OGC API - Coverages
        operation_id="collections.getCoverage",
        tags=["Coverages"],
        response_class=Response,
        responses=problems(404, 406, 413, 416)
        | {
            200: answer(
                "The pixels.",
                COG,
                MEDIA_TYPE,
                EARLIER_MEDIA_TYPE,
                PNG,
                schema={"type": "object"},
                headers=["Content-Crs"],
            ),
            204: answer("There is no pixel at that place and time."),
            206: answer("Some bytes of the stored file.", COG, headers=["Content-Range"]),
            304: answer("The client has the stored file already."),
        },
        openapi_extra={"parameters": COVERAGE_PARAMETERS},
    )
    async def coverage(collection_id: Name, request: Request) -> Response:
        found = await run_in_threadpool(coverage_answer, collections, collection_id, request)
        if isinstance(found, Response):
            return found
        return await anyio.to_thread.run_sync(found, limiter=turns)
