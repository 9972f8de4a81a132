"""What the job is made of: a mosaic of the benchmarks' landscape, and a small model that knows its classes."""

from functools import cache
from pathlib import Path

from pyproj import Transformer

from benchmarks.landscape import EPSG, LEFT, SEASON, SIDE, TOP, Landscape, landscape
from benchmarks.model import LEGEND, samples
from geocrop_processes.domain.grid import PIXEL_M
from geocrop_processes.features.order import FEATURE_ORDER_V1, FINGERPRINT
from geocrop_processes.imagery.scene import Scene
from geocrop_processes.models.card import ModelCard
from geocrop_processes.models.ensemble import Ensemble
from geocrop_processes.registry import Registry

FOLDER = Path(".geocrop/cache/bench")
"""Where the landscape is kept."""
DATES = 8
"""Acquisitions."""
BLOCK_PX = 64
"""The side of a block."""
YEAR = SEASON.year
"""The season."""


@cache
def seen() -> Landscape:
    """The landscape, made where it is missing."""
    # a block of 64 pixels would decode tiles of 512 whole
    return landscape(FOLDER.absolute() / f"landscape-{DATES}-small", DATES, tile=128)


def scenes(tiles: int = 4) -> tuple[Scene, ...]:
    """What a catalogue would find of a mosaic of so many tiles in a row."""
    return tuple(sorted(seen().mosaic(tiles), key=lambda scene: scene.sort_key))


def circle(side: int) -> tuple[float, float, float]:
    """Longitude, latitude and radius of the circle in the mosaic's corner that so many blocks are cut of in a row."""
    radius = side * BLOCK_PX * PIXEL_M / 2
    to_degrees = Transformer.from_crs(EPSG, 4326, always_xy=True)
    lon, lat = to_degrees.transform(LEFT + radius, TOP - radius)
    # a metre less: what rounding moves the centre by must not add a row of blocks
    return round(lon, 7), round(lat, 7), radius - 1


def tiles_of(side: int) -> int:
    """Tiles in a row that such a circle needs."""
    return -(-side * BLOCK_PX // SIDE)


def register(registry: Registry) -> str:
    """The reference of a small model, trained now."""
    features, labels = samples(seen())
    card = ModelCard(
        name="large",
        description="Small, for a job of many blocks.",
        legend=LEGEND,
        features=FEATURE_ORDER_V1,
        fingerprint=FINGERPRINT,
        simulated=True,
        seasons=(YEAR,),
        samples={},
        accuracy={},
        software={},
        seed=0,
    )
    chosen = slice(None, 2000)
    ensemble = Ensemble.train(features[chosen], labels[chosen] + 1, seed=1, threads=2, rounds=10)
    return registry.save(ensemble, card).reference
