"""A product as a STAC item that says what it is and where it comes from.

STAC 1.1.0 with the extensions projection 2.0.0, raster 1.1.0, classification 1.1.0, processing 1.2.0,
mlm 1.4.0 and file 2.1.0 (https://github.com/stac-extensions); mlm 1.4.0 is written against just these versions
of raster and classification. What no extension has a word for is under `geocrop:`.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pystac

from geocrop_processes.domain.grid import PIXEL_M
from geocrop_processes.domain.legend import NO_DATA, CropClass, Legend
from geocrop_processes.models import confidence
from geocrop_processes.publish.assets import CARDS, KINDS, ProductAsset
from geocrop_processes.publish.cog import CLASS_BAND, CONFIDENCE_BANDS, Band, probability_bands
from geocrop_processes.publish.mlm import model_assets, model_properties
from geocrop_processes.publish.record import MapRecord
from geocrop_processes.publish.summary import applicability

EXTENSIONS = tuple(
    f"https://stac-extensions.github.io/{name}/schema.json"
    for name in (
        "projection/v2.0.0",
        "raster/v1.1.0",
        "classification/v1.1.0",
        "processing/v1.2.0",
        "mlm/v1.4.0",
        "file/v2.1.0",
    )
)
"""The schemas that an item follows beside the core's."""

DESCRIBED_BY = "describedby"
"""The relation of an item to the card of its model (RFC 8288's registry of relations)."""

_LINEAGE = (
    "Sentinel-2 L2A surface reflectance of one season, clouds masked by the scene classification, made into "
    "dekadal series and season features per pixel, classified by a soft vote of gradient-boosted trees."
)

_MASKED = (
    " Crops were masked where a Dynamic World land-cover baseline of the season shows none "
    "(Brown et al. 2022, CC BY 4.0)."
)


def build_item(record: MapRecord, assets: Sequence[ProductAsset]) -> pystac.Item:
    """The item of a product.

    The same arguments give the same JSON. Links to files are relative, so that the product's folder can be
    moved; it has no self link.

    Args:
        record: what is known of the map.
        assets: its files, in any order.

    Raises:
        KeyError: an asset is none of `KINDS`.
    """
    start, end = record.season.interval
    item = pystac.Item(
        id=record.job_id,
        geometry=record.aoi.polygon(),
        bbox=list(record.aoi.bbox()),
        datetime=None,
        start_datetime=start,
        end_datetime=end,
        stac_extensions=list(EXTENSIONS),
        properties={
            **_common(record),
            **_projection(record),
            **_processing(record),
            **model_properties(record, _classes(record.card.legend)),
            **_provenance(record),
        },
    )
    place = {key: n for n, key in enumerate(KINDS)}
    for asset in sorted(assets, key=lambda a: place[a.key]):
        item.add_asset(asset.key, _asset(asset, record))
        if asset.key in CARDS:
            kind = asset.kind
            title = f"{kind.title}: {record.model}"
            item.add_link(pystac.Link(DESCRIBED_BY, _href(asset), kind.media_type, title))
    for key, model in model_assets(record).items():
        item.add_asset(key, model)
    for scene in record.scenes:
        if scene.href is not None:
            item.add_link(
                pystac.Link(
                    pystac.RelType.DERIVED_FROM, scene.href, pystac.MediaType.GEOJSON, scene.title
                )
            )
    return item


def _common(record: MapRecord) -> dict[str, Any]:
    season = record.season
    within = " (within the season)" if record.as_of else ""
    about = (
        f"Crop types within {record.aoi.radius_m:g} m of {record.place} from "
        f"{season.start} to {season.end}{within}, from {len(record.scenes)} Sentinel-2 scenes by the model {record.model}."
    )
    return {
        "title": f"Crop map {season.year}/{(season.year + 1) % 100:02d}"
        + (f" as of {record.as_of}" if record.as_of else ""),
        "description": f"{record.notice} {about}" if record.notice else about,
        "created": _stamp(record.created),
        "gsd": PIXEL_M,
    }


def _projection(record: MapRecord) -> dict[str, Any]:
    return {
        "proj:code": f"EPSG:{record.grid.epsg}",
        "proj:bbox": list(record.grid.bounds),
        "proj:shape": list(record.grid.shape),
        "proj:transform": [float(v) for v in record.grid.transform[:6]],
    }


def _processing(record: MapRecord) -> dict[str, Any]:
    return {
        "processing:level": "L4",
        "processing:facility": "GeoCrop",
        "processing:lineage": _LINEAGE + (_MASKED if record.masked else ""),
        "processing:datetime": _stamp(record.created),
        "processing:software": dict(sorted(record.software.items())),
    }


def _partial(record: MapRecord) -> dict[str, Any]:
    """What a map has whose time was over."""
    share = 1 - len(record.missing_blocks) / record.blocks
    missing = list(record.missing_blocks)
    return {"share": round(share, 6), "blocks": record.blocks, "missing_blocks": missing}


def _provenance(record: MapRecord) -> dict[str, Any]:
    return {
        "geocrop:simulated": record.notice is not None,
        "geocrop:digest": record.digest,
        "geocrop:complete": record.complete,
        **({"geocrop:partial": _partial(record)} if record.missing_blocks else {}),
        "geocrop:aoi": {
            "lon": record.aoi.lon,
            "lat": record.aoi.lat,
            "radius_m": record.aoi.radius_m,
        },
        "geocrop:season": record.seen,
        "geocrop:model": {"name": record.card.name, "version": record.model_version}
        | ({"as_of": record.season.as_of_day} if record.as_of else {}),
        "geocrop:engines": list(record.engines),
        "geocrop:applicability": _applicability(record),
        "geocrop:feature_fingerprint": record.card.fingerprint,
        "geocrop:features": list(record.card.features),
        "geocrop:catalog": record.catalog_url,
        "geocrop:mask": "cropland" if record.masked else "none",
        **(
            {
                "geocrop:baseline": {
                    "kind": record.baseline.kind,
                    "files": dict(sorted(record.baseline.files.items())),
                }
            }
            if record.baseline
            else {}
        ),
        "geocrop:source_scenes": [s.title for s in record.scenes],
        "geocrop:source_collections": sorted({s.collection for s in record.scenes}),
        "geocrop:left_out_scenes": [
            {"title": s.title, "reason": s.reason} for s in record.left_out
        ],
    }


def _applicability(record: MapRecord) -> dict[str, Any] | None:
    """The threshold and the share inside of the summary's; the confidence asset marks the pixels."""
    told = applicability(record)
    return told and {key: told[key] for key in ("threshold", "inside_share")}


def _asset(asset: ProductAsset, record: MapRecord) -> pystac.Asset:
    fields: dict[str, Any] = {"file:checksum": asset.multihash, "file:size": asset.size}
    legend = record.card.legend
    match asset.key:
        case "class-map":
            fields |= _bands((CLASS_BAND,), NO_DATA)
            fields["classification:classes"] = _mapped_classes(record)
        case "confidence":
            fields |= _bands(CONFIDENCE_BANDS, confidence.NO_DATA)
        case "probabilities":
            fields |= _bands(probability_bands(legend), confidence.NO_DATA)
    kind = asset.kind
    return pystac.Asset(
        href=_href(asset),
        title=kind.title,
        media_type=kind.media_type,
        roles=list(kind.roles),
        extra_fields=fields,
    )


def _href(asset: ProductAsset) -> str:
    return f"./{asset.kind.file_name}"


def _bands(bands: Sequence[Band], nodata: int) -> dict[str, Any]:
    """Names as STAC 1.1's core has them, and what a reader of pixels needs as the raster extension has it."""
    return {
        "bands": [{"name": b.name, "description": b.description} for b in bands],
        "raster:bands": [
            {
                "data_type": "uint8",
                "nodata": nodata,
                "scale": b.scale,
                "offset": 0,
                "unit": b.unit,
                "sampling": "area",
                "spatial_resolution": PIXEL_M,
            }
            for b in bands
        ],
    }


def _classes(legend: Legend) -> list[dict[str, Any]]:
    return [_class(c) for c in legend]


def _mapped_classes(record: MapRecord) -> list[dict[str, Any]]:
    """The classes with what was counted of each."""
    tally = record.tally
    no_data = {"value": NO_DATA, "name": "no-data", "description": "no data", "nodata": True}
    return [no_data] + [
        _class(c)
        | {"count": tally.pixels[c.code], "percentage": round(100 * tally.share(c.code), 4)}
        for c in record.legend
    ]


def _class(c: CropClass) -> dict[str, Any]:
    """A class object; version 1.1.0 asks for a description, 2.0.0 for a name of letters, digits, - and _."""
    return {
        "value": c.code,
        "name": re.sub(r"[^0-9A-Za-z]+", "-", c.name).strip("-") or f"class-{c.code}",
        "title": c.name,
        "description": c.name,
        "color_hint": c.colour[1:].upper(),
    }


def _stamp(when: datetime) -> str:
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z")
