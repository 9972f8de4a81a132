"""A raster of features as a STAC item that says what its bands are and where it comes from.

STAC 1.1.0 with the extensions projection 2.0.0, raster 1.1.0, processing 1.2.0 and file 2.1.0
(https://github.com/stac-extensions). What no extension has a word for is under `geocrop:`, as in the items of maps.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pystac
import rasterio

import geocrop_processes
from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.grid import PIXEL_M, Grid
from geocrop_processes.domain.season import Season
from geocrop_processes.features.order import FEATURE_ORDER_V1, FINGERPRINT
from geocrop_processes.publish.assets import ProducedFile
from geocrop_processes.publish.record import SIMULATED_NOTICE, LeftOutScene, SourceScene

EXTENSIONS = tuple(
    f"https://stac-extensions.github.io/{name}/schema.json"
    for name in ("projection/v2.0.0", "raster/v1.1.0", "processing/v1.2.0", "file/v2.1.0")
)
"""The schemas that an item follows beside the core's."""
_LINEAGE = (
    "Sentinel-2 L2A surface reflectance of one season, clouds masked by the scene classification, made into "
    "dekadal series and season features per pixel."
)


@dataclass(frozen=True)
class FeatureRecord:
    """Everything that is known of a raster of features."""

    job_id: str
    """The job; also the item's id."""
    aoi: Aoi
    """The circle."""
    season: Season
    """The season."""
    grid: Grid
    """The pixels."""
    catalog_url: str
    """The STAC API that the scenes were found in."""
    scenes: tuple[SourceScene, ...]
    """Used, in the order of their dates."""
    left_out: tuple[LeftOutScene, ...]
    """Found and not used."""
    digest: str
    """Rasters of the same digest have the same pixels, where every scene could be read."""
    simulated: bool
    """Whether the imagery is."""
    created: datetime
    """When the job was made, UTC."""
    pixels: int
    """Those that have features."""

    @property
    def title(self) -> str:
        """For people."""
        return f"Crop features {self.season.year}/{(self.season.year + 1) % 100:02d}"

    @property
    def notice(self) -> str | None:
        """What must be said of simulated imagery; None of real."""
        return SIMULATED_NOTICE if self.simulated else None


def feature_item(record: FeatureRecord, raster: ProducedFile) -> dict[str, Any]:
    """The item as JSON values; the same arguments give the same. Its link to the file is relative."""
    start, end = record.season.interval
    item = pystac.Item(
        id=record.job_id,
        geometry=record.aoi.polygon(),
        bbox=list(record.aoi.bbox()),
        datetime=None,
        start_datetime=start,
        end_datetime=end,
        stac_extensions=list(EXTENSIONS),
        properties={**_common(record), **_provenance(record)},
    )
    bands = {
        "data_type": "float32",
        "nodata": "nan",
        "sampling": "area",
        "spatial_resolution": PIXEL_M,
    }
    item.add_asset(
        "features",
        pystac.Asset(
            href=f"./{raster.file_name}",
            title="51 features",
            media_type=raster.media_type,
            roles=["data"],
            extra_fields={
                "file:checksum": "1220" + raster.sha256,
                "file:size": raster.size,
                "bands": [{"name": name} for name in FEATURE_ORDER_V1],
                "raster:bands": [bands for _ in FEATURE_ORDER_V1],
            },
        ),
    )
    for scene in record.scenes:
        if scene.href is not None:
            kind = pystac.MediaType.GEOJSON
            item.add_link(pystac.Link(pystac.RelType.DERIVED_FROM, scene.href, kind, scene.title))
    return dict(item.to_dict(include_self_link=False, transform_hrefs=False))


def _common(record: FeatureRecord) -> dict[str, Any]:
    aoi, season = record.aoi, record.season
    about = (
        f"The 51 features of FEATURE_ORDER_V1 within {aoi.radius_m:g} m of {aoi.lon:g}, {aoi.lat:g} from "
        f"{season.start} to {season.end}, from {len(record.scenes)} Sentinel-2 scenes."
    )
    created = record.created.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return {
        "title": record.title,
        "description": f"{record.notice} {about}" if record.notice else about,
        "created": created,
        "gsd": PIXEL_M,
        "proj:code": f"EPSG:{record.grid.epsg}",
        "proj:bbox": list(record.grid.bounds),
        "proj:shape": list(record.grid.shape),
        "proj:transform": [float(v) for v in record.grid.transform[:6]],
        "processing:level": "L3",
        "processing:facility": "GeoCrop",
        "processing:lineage": _LINEAGE,
        "processing:datetime": created,
        "processing:software": {
            "geocrop": geocrop_processes.__version__,
            "gdal": rasterio.__gdal_version__,
            "rasterio": rasterio.__version__,
        },
    }


def _provenance(record: FeatureRecord) -> dict[str, Any]:
    season = record.season
    return {
        "geocrop:simulated": record.simulated,
        "geocrop:digest": record.digest,
        "geocrop:aoi": {
            "lon": record.aoi.lon,
            "lat": record.aoi.lat,
            "radius_m": record.aoi.radius_m,
        },
        "geocrop:season": {
            "year": season.year,
            "start": season.start.isoformat(),
            "end": season.end.isoformat(),
        }
        | ({"as_of": season.as_of_day} if season.as_of_day else {}),
        "geocrop:feature_fingerprint": FINGERPRINT,
        "geocrop:features": list(FEATURE_ORDER_V1),
        "geocrop:pixels": record.pixels,
        "geocrop:catalog": record.catalog_url,
        "geocrop:source_scenes": [s.title for s in record.scenes],
        "geocrop:source_collections": sorted({s.collection for s in record.scenes}),
        "geocrop:left_out_scenes": [
            {"title": s.title, "reason": s.reason} for s in record.left_out
        ],
    }
