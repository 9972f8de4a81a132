"""Map tiles of collections in OGC's words: tilesets, tile matrix sets, WMTS; and the tiles of all products.

Tiles of one product are TiTiler's (`service.tiles`). Those of all products are made here, of the same pixels
that their coverage gives.
"""

from typing import Any
from xml.etree import ElementTree as ET

import morecantile
from fastapi import Request, Response

from geocrop_processes.service.collections.coverage import Coverage
from geocrop_processes.service.collections.crs import CRS84, WEB_MERCATOR, PixelGrid
from geocrop_processes.service.collections.description import REL, address, link
from geocrop_processes.service.collections.encoding import png
from geocrop_processes.service.collections.everything import Collections
from geocrop_processes.service.collections.reading import read_layers
from geocrop_processes.service.collections.times import interval_of
from geocrop_processes.service.problems import BLANK, Problem
from geocrop_processes.service.tiles import MAX_ZOOM, PREFIX, SCHEME
from geocrop_processes.service.urls import public_url
from geocrop_processes.settings import Settings

Json = dict[str, Any]

SIDE = 256
"""Pixels along a tile."""
DEEPEST = 14
"""The zoom level whose pixels are nearest to 10 m in the region; deeper tiles show the same pixels larger."""
SHALLOWEST = 9
"""Of all products: a tile of a level above would be of more maps than are opened at once."""

_JSON = "application/json"
_TMS = morecantile.tms.get(SCHEME)
_TMS_URI = f"http://www.opengis.net/def/tilematrixset/OGC/1.0/{SCHEME}"


def tile_matrix_sets(settings: Settings) -> Json:
    """The schemes that tiles are cut by."""
    here = f"{public_url(settings)}/tileMatrixSets/{SCHEME}"
    links = [link("self", here, _JSON, "Its definition")]
    links.append(link(f"{REL}tiling-scheme", here, _JSON, "Its definition"))
    entry = {"id": SCHEME, "title": str(_TMS.title), "uri": _TMS_URI, "links": links}
    return {"tileMatrixSets": [entry]}


def tile_matrix_set(name: str) -> Json:
    """The definition of a scheme.

    Raises:
        Problem: there is none of that name (404).
    """
    check_scheme(name)
    definition: Json = _TMS.model_dump(exclude_none=True, mode="json")
    return definition | {"uri": _TMS_URI}


def check_scheme(name: str) -> None:
    """Accept the name of a scheme.

    Raises:
        Problem: there is none of that name (404).
    """
    if name != SCHEME:
        detail = f"There is no tile matrix set {name[:80]!r}; there is {SCHEME!r}."
        raise Problem(404, "No such tile matrix set", detail, BLANK)


def tilesets(coverage: Coverage, settings: Settings) -> Json:
    """The tilesets of a collection: one."""
    here = address(settings, coverage.id, "/map/tiles")
    return {
        "links": [link("self", here, _JSON, "These tilesets")],
        "tilesets": [_tileset(coverage, settings)],
    }


def tileset(coverage: Coverage, settings: Settings) -> Json:
    """The tileset with where it has tiles and where they are."""
    west, south, east, north = coverage.bbox
    shallowest = SHALLOWEST if coverage.item is None else 0
    limits = []
    for zoom in range(shallowest, DEEPEST + 1):
        first, last = _TMS.tile(west, north, zoom), _TMS.tile(east, south, zoom)
        limits.append(
            {
                "tileMatrix": str(zoom),
                "minTileRow": first.y,
                "maxTileRow": last.y,
                "minTileCol": first.x,
                "maxTileCol": last.x,
            }
        )
    said = _tileset(coverage, settings)
    template = tile_address(settings, coverage.id, "{tileMatrix}", "{tileCol}", "{tileRow}")
    said["links"].append({**link("item", template, "image/png", "A tile"), "templated": True})
    legend = address(settings, coverage.id, "/legend?f=png")
    said["links"].append(link(f"{REL}legend", legend, "image/png", "The classes"))
    return said | {"tileMatrixSetLimits": limits}


def tile_address(settings: Settings, name: str, zoom: str, column: str, row: str) -> str:
    """Where a tile of a collection is."""
    return f"{public_url(settings)}{PREFIX}/{name}/{SCHEME}/{zoom}/{column}/{row}.png"


def _tileset(coverage: Coverage, settings: Settings) -> Json:
    here = address(settings, coverage.id, f"/map/tiles/{SCHEME}")
    scheme = f"{public_url(settings)}/tileMatrixSets/{SCHEME}"
    west, south, east, north = coverage.bbox
    return {
        "title": coverage.title,
        "dataType": "map",
        "crs": WEB_MERCATOR.uri,
        "tileMatrixSetURI": _TMS_URI,
        "boundingBox": {
            "lowerLeft": [west, south],
            "upperRight": [east, north],
            "crs": CRS84.uri,
        },
        "links": [
            link("self", here, _JSON, "This tileset"),
            link(f"{REL}tiling-scheme", scheme, _JSON, "How tiles are cut"),
        ],
    }


def tilejson(coverage: Coverage, settings: Settings, query: str) -> Json:
    """TileJSON 3.0 of all products; the query, such as a time, is that of the tiles too."""
    west, south, east, north = coverage.bbox
    tile = tile_address(settings, coverage.id, "{z}", "{x}", "{y}")
    return {
        "tilejson": "3.0.0",
        "name": coverage.title,
        "description": coverage.description,
        "version": "1.0.0",
        "scheme": "xyz",
        "tiles": [f"{tile}?{query}" if query else tile],
        "minzoom": SHALLOWEST,
        "maxzoom": DEEPEST,
        "bounds": [west, south, east, north],
        "center": [(west + east) / 2, (south + north) / 2, SHALLOWEST],
    }


def tile_of_all(
    collections: Collections, zoom: int, column: int, row: int, request: Request
) -> Response:
    """A tile of all products in their colours.

    Raises:
        Problem: there is no such tile (404), more maps lie there than are opened (413), or the time is none (400).
    """
    if not 0 <= zoom <= MAX_ZOOM or not (0 <= column < 2**zoom and 0 <= row < 2**zoom):
        detail = (
            f"The zoom levels are 0 to {MAX_ZOOM}, and of level z there are 2^z columns and rows."
        )
        raise Problem(404, "No such tile", detail, BLANK)
    times = request.query_params.get("datetime")
    left, bottom, right, top = _TMS.xy_bounds(morecantile.Tile(column, row, zoom))
    grid = PixelGrid(
        WEB_MERCATOR, left, top, (right - left) / SIDE, (top - bottom) / SIDE, SIDE, SIDE
    )
    coverage = collections.everything()
    interval = None if times is None else interval_of("datetime", times)
    layers = collections.layers(coverage, grid, interval)
    if not layers:
        raise Problem(404, "No such tile", "There is no map there.", BLANK)
    field = coverage.fields[0]
    pixels = read_layers(layers, [field], grid, collections.storage)
    return Response(png(pixels[0], coverage.legend), media_type="image/png")


def wmts(coverage: Coverage, settings: Settings) -> str:
    """The capabilities of a WMTS 1.0.0 whose tiles are asked for by address alone (RESTful)."""
    ows, xlink = "http://www.opengis.net/ows/1.1", "http://www.w3.org/1999/xlink"
    root = ET.Element(
        "Capabilities",
        {
            "xmlns": "http://www.opengis.net/wmts/1.0",
            "xmlns:ows": ows,
            "xmlns:xlink": xlink,
            "version": "1.0.0",
        },
    )
    service = ET.SubElement(root, "ows:ServiceIdentification")
    _texts(service, {"ows:Title": coverage.title, "ows:ServiceType": "OGC WMTS"})
    _texts(service, {"ows:ServiceTypeVersion": "1.0.0"})
    contents = ET.SubElement(root, "Contents")
    _layer(contents, coverage, settings)
    _matrices(contents, coverage)
    here = address(settings, coverage.id, "/wmts")
    ET.SubElement(root, "ServiceMetadataURL", {"xlink:href": here})
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _layer(contents: ET.Element, coverage: Coverage, settings: Settings) -> None:
    west, south, east, north = coverage.bbox
    layer = ET.SubElement(contents, "Layer")
    _texts(layer, {"ows:Title": coverage.title, "ows:Abstract": coverage.description})
    box = ET.SubElement(layer, "ows:WGS84BoundingBox")
    _texts(box, {"ows:LowerCorner": f"{west} {south}", "ows:UpperCorner": f"{east} {north}"})
    _texts(layer, {"ows:Identifier": coverage.id})
    style = ET.SubElement(layer, "Style", isDefault="true")
    _texts(style, {"ows:Title": "Crop classes", "ows:Identifier": "classes"})
    picture = address(settings, coverage.id, "/legend?f=png")
    ET.SubElement(style, "LegendURL", {"format": "image/png", "xlink:href": picture})
    _texts(layer, {"Format": "image/png"})
    ET.SubElement(ET.SubElement(layer, "TileMatrixSetLink"), "TileMatrixSet").text = SCHEME
    template = tile_address(settings, coverage.id, "{TileMatrix}", "{TileCol}", "{TileRow}")
    said = {"format": "image/png", "resourceType": "tile", "template": template}
    ET.SubElement(layer, "ResourceURL", said)


def _matrices(contents: ET.Element, coverage: Coverage) -> None:
    matrices = ET.SubElement(contents, "TileMatrixSet")
    _texts(matrices, {"ows:Identifier": SCHEME, "ows:SupportedCRS": "urn:ogc:def:crs:EPSG::3857"})
    _texts(matrices, {"WellKnownScaleSet": "urn:ogc:def:wkss:OGC:1.0:GoogleMapsCompatible"})
    for zoom in range(SHALLOWEST if coverage.item is None else 0, DEEPEST + 1):
        level = _TMS.matrix(zoom)
        left, top = level.pointOfOrigin
        _texts(
            ET.SubElement(matrices, "TileMatrix"),
            {
                "ows:Identifier": level.id,
                "ScaleDenominator": repr(level.scaleDenominator),
                "TopLeftCorner": f"{left} {top}",
                "TileWidth": str(level.tileWidth),
                "TileHeight": str(level.tileHeight),
                "MatrixWidth": str(level.matrixWidth),
                "MatrixHeight": str(level.matrixHeight),
            },
        )


def _texts(parent: ET.Element, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        ET.SubElement(parent, name).text = text
