"""The routes of what maps look like: legends, styles, tilesets, and the tiles of all maps together."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from geocrop_processes.publish.legend_key import write_key
from geocrop_processes.publish.style import qml, sld
from geocrop_processes.service.collections import tilesets
from geocrop_processes.service.collections.answers import preferred
from geocrop_processes.service.collections.description import (
    SLD,
    legend_document,
    styles_document,
)
from geocrop_processes.service.collections.everything import Collections
from geocrop_processes.service.collections.said import DATETIME, Name
from geocrop_processes.service.described import HTML, JSON, PNG, answer, formats, problems
from geocrop_processes.service.negotiation import asked_format
from geocrop_processes.service.pages import shown
from geocrop_processes.service.problems import BLANK, Problem
from geocrop_processes.service.products import COLLECTION
from geocrop_processes.service.tiles import PREFIX, SCHEME

_XML = "application/xml"
_LEGENDS = {PNG: PNG, "image/*": PNG} | dict.fromkeys(
    ("application/json", HTML, "application/*", "text/*", "*/*"), JSON
)
"""Pictures or documents, by what a client accepts."""


def add_pictures(router: APIRouter, collections: Collections) -> None:
    """Add the routes."""
    _tell_legends(router, collections)
    _tell_tilesets(router, collections)
    _give_tiles(router, collections)


def _tell_legends(router: APIRouter, collections: Collections) -> None:
    @router.get(
        "/collections/{collection_id}/legend",
        summary="The classes of a collection and their colours",
        operation_id="getLegend",
        tags=["Styles"],
        response_class=Response,
        responses=problems(404)
        | {200: answer("The classes.", JSON, PNG, HTML, schema={"type": "object"})},
        openapi_extra={"parameters": [formats("json", "png", "html")]},
    )
    def legend(collection_id: Name, request: Request) -> Response:
        coverage = collections.get(collection_id)
        if _wants_png(request):
            return Response(write_key(coverage.legend), media_type=PNG)
        document = legend_document(coverage, collections.settings)
        return shown(request, document, f"Legend of {coverage.title}")

    @router.get(
        "/collections/{collection_id}/styles",
        summary="The styles of a collection",
        operation_id="listStyles",
        tags=["Styles"],
        response_class=Response,
        responses=problems(404)
        | {200: answer("The styles.", JSON, HTML, schema={"type": "object"})},
        openapi_extra={"parameters": [formats("json", "html")]},
    )
    def styles(collection_id: Name, request: Request) -> Response:
        coverage = collections.get(collection_id)
        document = styles_document(coverage, collections.settings)
        return shown(request, document, f"Styles of {coverage.title}")

    @router.get(
        "/collections/{collection_id}/styles/{style}",
        summary="A style: `classes.qml` for QGIS, `classes.sld` for others",
        operation_id="getStyle",
        tags=["Styles"],
        response_class=Response,
        responses=problems(404) | {200: answer("The style.", SLD, _XML)},
    )
    def style(
        collection_id: Name,
        style: Annotated[str, Path(description="`classes.qml` or `classes.sld`.")],
    ) -> Response:
        coverage = collections.get(collection_id)
        if style == "classes.qml":
            return Response(qml(coverage.legend), media_type=_XML)
        if style == "classes.sld":
            return Response(sld(coverage.legend, coverage.id), media_type=SLD)
        detail = f"There is no style {style[:80]!r}; there are 'classes.qml', 'classes.sld'."
        raise Problem(404, "No such style", detail, BLANK)


def _wants_png(request: Request) -> bool:
    asked = asked_format(request, "json", "png", "html")
    return preferred(request, _LEGENDS) == PNG if asked is None else asked == "png"


def _tell_tilesets(router: APIRouter, collections: Collections) -> None:
    settings = collections.settings
    told: dict[str, Any] = {
        "tags": ["Tiles"],
        "response_class": Response,
        "responses": problems(404)
        | {200: answer("The description.", JSON, HTML, schema={"type": "object"})},
        "openapi_extra": {"parameters": [formats("json", "html")]},
    }

    @router.get(
        "/collections/{collection_id}/map/tiles",
        summary="The tilesets of a collection",
        operation_id="collections.getTileSetsList",
        **told,
    )
    def listed(collection_id: Name, request: Request) -> Response:
        coverage = collections.get(collection_id)
        return shown(request, tilesets.tilesets(coverage, settings), "Tilesets")

    @router.get(
        "/collections/{collection_id}/map/tiles/{scheme}",
        summary="A tileset: where it has tiles, and their address",
        operation_id="collections.getTileSet",
        **told,
    )
    def tileset(collection_id: Name, scheme: str, request: Request) -> Response:
        tilesets.check_scheme(scheme)
        return shown(request, tilesets.tileset(collections.get(collection_id), settings), "Tileset")

    @router.get(
        "/collections/{collection_id}/wmts",
        summary="The capabilities of the tiles of a collection as a WMTS",
        operation_id="getWmtsCapabilities",
        tags=["Tiles"],
        response_class=Response,
        responses=problems(404) | {200: answer("The capabilities, WMTS 1.0.0.", _XML)},
    )
    def wmts(collection_id: Name) -> Response:
        return Response(tilesets.wmts(collections.get(collection_id), settings), media_type=_XML)

    @router.get(
        "/tileMatrixSets",
        summary="The schemes that tiles are cut by",
        operation_id="getTileMatrixSetsList",
        **told | {"responses": {200: told["responses"][200]}},
    )
    def schemes(request: Request) -> Response:
        return shown(request, tilesets.tile_matrix_sets(settings), "Tile matrix sets")

    @router.get(
        "/tileMatrixSets/{scheme}",
        summary="The definition of a scheme that tiles are cut by",
        operation_id="getTileMatrixSet",
        **told,
    )
    def definition(scheme: str, request: Request) -> Response:
        return shown(request, tilesets.tile_matrix_set(scheme), scheme)


def _give_tiles(router: APIRouter, collections: Collections) -> None:
    base = f"{PREFIX}/{COLLECTION}/{SCHEME}"

    @router.get(
        f"{base}/tilejson.json",
        summary="TileJSON of all maps together",
        operation_id="getTileJsonOfAll",
        tags=["Tiles"],
        response_class=Response,
        responses=problems(404, 413)
        | {200: answer("The description.", JSON, schema={"type": "object"})},
        openapi_extra={"parameters": [DATETIME]},
    )
    def tilejson(request: Request) -> Response:
        document = tilesets.tilejson(
            collections.everything(), collections.settings, str(request.url.query)
        )
        return shown(request, document, "TileJSON")

    # the one with an ending first: the other would take it for a row
    for ending in (".png", ""):

        @router.get(
            f"{base}/{{z}}/{{x}}/{{y}}{ending}",
            summary="A tile of all maps together, the newest on top",
            operation_id=f"getTileOfAll{ending.removeprefix('.').title()}",
            tags=["Tiles"],
            response_class=Response,
            responses={200: answer("The tile.", PNG)},
            openapi_extra={"parameters": [DATETIME]},
        )
        def tile(z: int, x: int, y: int, request: Request) -> Response:
            return tilesets.tile_of_all(collections, z, x, y, request)
