"""What an item of Collection 1 says of its scene, property by property as Digital Earth Africa's explorer has it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from geocrop_processes.simulation.layout import S2_L2A_C1, Tile, scene_name
from geocrop_processes.simulation.passes import Acquisition

_BASELINE = "05.10"
"""The processing baseline: Collection 1 was reprocessed with one for all dates."""
_SHARES: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "saturated_defective_pixel": (1,),
        "dark_features": (2,),
        "cloud_shadow": (3,),
        "vegetation": (4,),
        "not_vegetated": (5,),
        "water": (6,),
        "unclassified": (7,),
        "medium_proba_clouds": (8,),
        "high_proba_clouds": (9,),
        "thin_cirrus": (10,),
        "snow_ice": (11,),
    }
)
"""SCL classes by the name of the property that tells their share of the seen pixels."""
_CLOUDS = ("medium_proba_clouds", "high_proba_clouds", "thin_cirrus")
"""What `eo:cloud_cover` sums up."""
_CONSTANTS: Mapping[str, Any] = MappingProxyType(
    {
        "constellation": "sentinel-2",
        "instruments": ["msi"],
        "odc:file_format": "GeoTIFF",
        "earthsearch:payload_id": "simulated",
        "processing:software": {"geocrop-simulation": "1"},
        "s2:datatake_type": "INS-NOBS",
        "s2:degraded_msi_data_percentage": 0.0,
        "s2:product_type": "S2MSI2A",
        "s2:reflectance_conversion_factor": 1.0,
        "storage:platform": "AWS",
        "storage:region": "us-west-2",
        "storage:requester_pays": False,
        "view:azimuth": 0.0,
        "view:incidence_angle": 0.0,
        "view:sun_azimuth": 60.0,
        "view:sun_elevation": 60.0,
    }
)
"""What the simulator does not vary."""


def properties_c1(
    tile: Tile, acquisition: Acquisition, scl: npt.NDArray[np.uint8]
) -> dict[str, Any]:
    """An item's properties but for its projection.

    Args:
        tile: the tile.
        acquisition: the pass.
        scl: the scene classification, any shape; 0 is no data.
    """
    when = acquisition.when
    satellite = "S2" + acquisition.platform[-1].upper()
    stamp, second = f"{when:%Y-%m-%dT%H:%M:%SZ}", f"{when:%Y%m%dT%H%M%S}"
    ground = f"2BPS_{second}"
    seen = scl[scl > 0]
    shares = {
        name: round(100 * float(np.isin(seen, codes).mean()), 6) if seen.size else 0.0
        for name, codes in _SHARES.items()
    }
    return {
        **_CONSTANTS,
        "title": scene_name(S2_L2A_C1, tile, acquisition),
        "created": stamp,
        "updated": stamp,
        "datetime": stamp,
        "platform": acquisition.platform,
        "eo:cloud_cover": round(sum(shares[name] for name in _CLOUDS), 6),
        "grid:code": f"MGRS-{tile.name}",
        "mgrs:grid_square": tile.name[3:],
        "mgrs:latitude_band": tile.name[2],
        "mgrs:utm_zone": int(tile.name[:2]),
        "odc:region_code": tile.name,
        "cubedash:region_code": tile.name,
        **{f"s2:{name}_percentage": share for name, share in shares.items()},
        "s2:nodata_pixel_percentage": round(100 * float((scl == 0).mean()), 6),
        "s2:datastrip_id": f"{satellite}_OPER_MSI_L2A_DS_{ground}_S{second}_N{_BASELINE}",
        "s2:datatake_id": f"G{satellite}_{second}_{acquisition.number:06d}_N{_BASELINE}",
        "s2:generation_time": stamp,
        "s2:processing_baseline": _BASELINE,
        "s2:product_uri": (
            f"{satellite}_MSIL2A_{second}_N{_BASELINE.replace('.', '')}_R{acquisition.orbit:03d}"
            f"_T{tile.name}_{when:%Y%m%d}T123456.SAFE"
        ),
        "s2:tile_id": f"{satellite}_OPER_MSI_L2A_TL_{ground}_T{tile.name}_N{_BASELINE}",
    }
