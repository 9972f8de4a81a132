"""Collections in OGC's words: OGC API - Common part 2 with the members that Coverages adds."""

from typing import Any

from geocrop_processes.publish.assets import COG, GEOJSON
from geocrop_processes.service.collections import covjson
from geocrop_processes.service.collections.coverage import Coverage
from geocrop_processes.service.collections.covjson import stamp
from geocrop_processes.service.collections.crs import CRS84, Box, Crs, moved
from geocrop_processes.service.collections.fields import CLASS
from geocrop_processes.service.described import JSON
from geocrop_processes.service.products import COLLECTION
from geocrop_processes.service.stac.addresses import PREFIX as STAC
from geocrop_processes.service.tiles import tilejson_url
from geocrop_processes.service.urls import public_url
from geocrop_processes.settings import Settings

Json = dict[str, Any]

REL = "http://www.opengis.net/def/rel/ogc/1.0/"
"""Where OGC's relations begin."""
SCHEMA = "application/schema+json"
"""What a schema is, for programs."""
SLD = "application/vnd.ogc.sld+xml"
"""What a Styled Layer Descriptor is, for programs."""

_GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"
_LICENCE = "https://sentinels.copernicus.eu/documents/247904/690755/Sentinel_Data_Legal_Notice"
_PLAIN_GEOTIFF = "image/tiff; application=geotiff"
"""What GDAL's OGCAPI driver looks for; it takes the pixels for longitude and latitude."""


def address(settings: Settings, name: str, path: str = "") -> str:
    """Where clients find a collection, or something of it."""
    return f"{public_url(settings)}/collections/{name}{path}"


def link(rel: str, href: str, media_type: str, title: str) -> Json:
    """A link with all that a client may ask of it."""
    return {"rel": rel, "href": href, "type": media_type, "title": title}


def describe(coverage: Coverage, settings: Settings) -> Json:
    """A collection as one of a list."""
    return {
        "id": coverage.id,
        "title": coverage.title,
        "description": coverage.description,
        "keywords": ["crop type", "Sentinel-2", settings.region.name],
        "extent": _extent(coverage),
        "crs": [crs.uri for crs in coverage.known],
        "storageCrs": coverage.storage.uri,
        "defaultFields": [CLASS],
        "links": _links(coverage, settings),
    }


def describe_whole(coverage: Coverage, settings: Settings) -> Json:
    """A collection on its own: also with the grid and the bytes in the words of CIS 1.1, which GDAL reads."""
    box = moved(coverage.extent, coverage.storage, CRS84) or coverage.bbox
    grid = {
        "type": "GeneralGridCoverage",
        "srsName": CRS84.uri,
        "axisLabels": list(CRS84.axes),
        "axis": [
            {
                "type": "RegularAxis",
                "axisLabel": label,
                "lowerBound": box[side],
                "upperBound": box[side + 2],
                "resolution": CRS84.step,
                "uomLabel": "deg",
            }
            for side, label in enumerate(CRS84.axes)
        ],
    }
    field = {"type": "Quantity", "name": CLASS, "definition": "ogcType:unsignedByte"}
    return describe(coverage, settings) | {
        "domainSet": {"type": "DomainSet", "generalGrid": grid},
        "rangeType": {"type": "DataRecord", "field": [field]},
    }


def _extent(coverage: Coverage) -> Json:
    start, end = (None if at is None else stamp(at) for at in coverage.interval)
    spatial: Json = {
        "bbox": [list(coverage.bbox)],
        "crs": CRS84.uri,
        "grid": _grid(coverage.storage, coverage.extent),
    }
    if coverage.storage != CRS84:
        spatial["storageCrsBbox"] = [list(coverage.extent)]
    return {
        "spatial": spatial,
        "temporal": {"interval": [[start, end]], "trs": _GREGORIAN},
    }


def _grid(crs: Crs, box: Box) -> list[Json]:
    """Each axis of the pixels: from its lower end on, whose value is the pixel's lower side."""
    return [
        {
            "cellsCount": round((box[side + 2] - box[side]) / crs.step),
            "resolution": crs.step,
            "firstCoordinate": box[side],
            "relativeBounds": [0, crs.step],
        }
        for side in (0, 1)
    ]


def _links(coverage: Coverage, settings: Settings) -> list[Json]:
    here = address(settings, coverage.id)
    stac = f"{public_url(settings)}{STAC}/collections/{COLLECTION}/items"
    item = (
        link("item", f"{stac}/{coverage.id}", GEOJSON, "The map as a STAC item")
        if coverage.item is not None
        else link("items", stac, GEOJSON, "The maps as STAC items")
    )
    degrees = f"{here}/coverage?crs=OGC:CRS84&f=geotiff"
    cover, tiles = f"{REL}coverage", f"{REL}tilesets-map"
    return [
        link("self", here, JSON, "This collection"),
        link("alternate", f"{here}?f=html", "text/html", "This collection as a page"),
        link(f"{REL}schema", f"{here}/schema", SCHEMA, "What the fields mean"),
        link(cover, f"{here}/coverage", COG, "The pixels"),
        link(
            cover, f"{here}/coverage?f=covjson", covjson.EARLIER_MEDIA_TYPE, "The pixels, as JSON"
        ),
        link(cover, degrees, _PLAIN_GEOTIFF, "The pixels, in longitude and latitude"),
        item,
        link(tiles, f"{here}/map/tiles", JSON, "Map tiles"),
        link("tilejson", tilejson_url(settings, coverage.id), JSON, "Map tiles, as TileJSON"),
        link("wmts", f"{here}/wmts", "application/xml", "Map tiles, as WMTS"),
        link(f"{REL}legend", f"{here}/legend?f=json", JSON, "The classes and their colours"),
        link(f"{REL}legend", f"{here}/legend?f=png", "image/png", "The classes, as a picture"),
        link(f"{REL}styles", f"{here}/styles", JSON, "Styles for map programs"),
        link("license", _LICENCE, "application/pdf", "Terms of the Sentinel data"),
    ]


def legend_document(coverage: Coverage, settings: Settings) -> Json:
    """The classes of a collection."""
    here = address(settings, coverage.id)
    return {
        "id": coverage.id,
        "title": coverage.title,
        "field": CLASS,
        "noData": 0,
        "classes": [{"value": c.code, "name": c.name, "colour": c.colour} for c in coverage.legend],
        "links": [
            link("self", f"{here}/legend?f=json", JSON, "These classes"),
            link("alternate", f"{here}/legend?f=png", "image/png", "As a picture"),
            link("collection", here, JSON, "The collection"),
        ],
    }


def styles_document(coverage: Coverage, settings: Settings) -> Json:
    """The styles of a collection, as OGC API - Styles lists them."""
    here = address(settings, coverage.id, "/styles")
    sheets = [
        link("stylesheet", f"{here}/classes.sld", SLD, "Styled Layer Descriptor 1.0"),
        link("stylesheet", f"{here}/classes.qml", "application/xml", "QGIS style"),
    ]
    return {
        "default": "classes",
        "styles": [{"id": "classes", "title": "Crop classes", "links": sheets}],
        "links": [link("self", here, JSON, "These styles")],
    }
