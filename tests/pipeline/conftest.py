"""A small world: three classes in stripes, seen by 40 acquisitions, as COGs and STAC items on disk."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
from affine import Affine

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.legend import CropClass, Legend
from geocrop_processes.domain.season import Season
from geocrop_processes.features.bands import BANDS, BANDS_10M
from geocrop_processes.features.compute import compute
from geocrop_processes.features.order import FEATURE_ORDER_V1, FINGERPRINT
from geocrop_processes.imagery import access as access_module
from geocrop_processes.imagery.access import Access
from geocrop_processes.imagery.catalog import Found
from geocrop_processes.imagery.scene import FILES, parse_item
from geocrop_processes.models.applicability import Applicability
from geocrop_processes.models.card import ModelCard
from geocrop_processes.models.ensemble import Ensemble
from geocrop_processes.pipeline.plan import Find, Request
from geocrop_processes.registry import RegisteredModel
from geocrop_processes.storage import Storage

SIDE = 80
"""Pixels of the small tile's sides."""
LEFT, TOP = 839_700, 8_078_200
"""Its corner in zone 35: at 30.20 E, 17.36 S."""
AOI = Aoi(30.2, -17.36, 300)
SEASON = Season(2022)
LEGEND = Legend(
    (
        CropClass(1, "maize", "#ffd300", cropland=True),
        CropClass(4, "soybean", "#267000", cropland=True),
        CropClass(13, "water", "#419bdf"),
    )
)
_PEAKS = {1: (150, 0.35), 4: (190, 0.5), 13: (0, 0.0)}


@dataclass(frozen=True)
class World:
    """The small archive."""

    folder: Path
    items: tuple[Mapping[str, Any], ...]
    truth: npt.NDArray[np.uint8]

    def find(self, _aoi: Aoi, _season: Season) -> Found:
        return Found(tuple(parse_item(item) for item in self.items), ())


def _digital_numbers(
    truth: npt.NDArray[np.uint8], dos: int, random: np.random.Generator
) -> npt.NDArray[np.uint16]:
    """(10, y, x): near infrared rises and falls with the class's season, red the other way round."""
    dn = np.empty((len(BANDS), *truth.shape))
    for code, (peak, height) in _PEAKS.items():
        green = height * np.exp(-(((dos - peak) / 50) ** 2))
        bright = 0.02 if code == 13 else 0.12
        spectrum = [
            bright * (0.5 if i < 3 else 1) - 0.1 * green * (i < 3) + green * (2 < i < 8)
            for i in range(10)
        ]
        dn[:, truth == code] = np.clip(np.array(spectrum), 0.005, 1)[:, None] * 10_000
    return np.rint(dn * random.normal(1, 0.05, dn.shape)).clip(1, 20_000).astype(np.uint16)


def _write(path: Path, pixels: npt.NDArray[Any], pixel_m: int) -> None:
    height, width = pixels.shape
    with rasterio.open(
        path,
        "w",
        driver="COG",
        height=height,
        width=width,
        count=1,
        dtype=pixels.dtype,
        crs="EPSG:32735",
        transform=Affine(pixel_m, 0, LEFT, 0, -pixel_m, TOP),
        nodata=0,
    ) as target:
        target.write(pixels, 1)


def _item(folder: Path, moment: datetime, number: int) -> dict[str, Any]:
    title = f"S2A_35KRA_{moment:%Y%m%d}_{number}_L2A"
    assets = {}
    for name in FILES:
        pixel = 10 if name in BANDS_10M else 20
        assets[name] = {
            "href": str(folder / title / f"{name}.tif"),
            "proj:shape": [SIDE * 10 // pixel] * 2,
            "proj:transform": [pixel, 0, LEFT, 0, -pixel, TOP, 0, 0, 1],
        }
    properties = {
        "title": title,
        "datetime": moment.isoformat(),
        "platform": "sentinel-2a",
        "odc:region_code": "35KRA",
        "proj:epsg": 32735,
        "sentinel:processing_baseline": "04.00",
        "sentinel:boa_offset_applied": True,
    }
    return {
        "id": title,
        "collection": "s2_l2a",
        "properties": properties,
        "assets": assets,
        "links": [],
    }


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("world")
    random = np.random.default_rng(7)
    truth = np.repeat(np.array([1, 4, 13, 4, 1], np.uint8), SIDE // 5)[None, :].repeat(SIDE, axis=0)
    items = []
    for number in range(40):
        moment = datetime(2022, 9, 3, 8, 10, tzinfo=UTC) + timedelta(days=6.7 * number)
        item = _item(folder, moment, number)
        (folder / item["id"]).mkdir()
        dn = _digital_numbers(truth, (moment - datetime(2022, 9, 1, tzinfo=UTC)).days, random)
        clouds = np.kron(random.random((5, 5)) < 0.35, np.ones((SIDE // 10, SIDE // 10), bool))
        scl = np.where(clouds, 9, 5).astype(np.uint8)
        dn[:, np.kron(clouds, np.ones((2, 2), bool))] = 8000
        _write(folder / item["id"] / "SCL.tif", scl, 20)
        for band, pixels in zip(BANDS, dn, strict=True):
            step = 1 if band in BANDS_10M else 2
            _write(folder / item["id"] / f"{band}.tif", pixels[::step, ::step], 10 * step)
        items.append(item)
    return World(folder, tuple(items), truth)


def clear_views(until: int = 27) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    """Clear views of the three classes: features of the first dekads (180, 51), and codes (180,)."""
    random = np.random.default_rng(8)
    truth = np.repeat(np.array([1, 4, 13], np.uint8), 60)
    days = [datetime(2022, 9, 1, tzinfo=UTC).date() + timedelta(days=d) for d in range(2, 272, 7)]
    dn = np.stack([_digital_numbers(truth, (day - SEASON.start).days, random) for day in days])
    features = compute(dn, np.full((len(days), len(truth)), 5, np.uint8), days, until)
    return np.ascontiguousarray(features.values.T), truth


@pytest.fixture(scope="session")
def samples() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    """`clear_views` of the whole season."""
    return clear_views()


@pytest.fixture(scope="session")
def model(samples: tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]) -> RegisteredModel:
    """A small ensemble that was trained on clear views of the three classes."""
    ensemble = Ensemble.train(*samples, seed=3, rounds=8)
    card = ModelCard(
        name="stripes",
        description="Three classes in stripes.",
        legend=LEGEND,
        features=FEATURE_ORDER_V1,
        fingerprint=FINGERPRINT,
        simulated=False,
        seasons=(2022,),
        samples={c.name: 60 for c in LEGEND},
        accuracy={},
        software={},
        seed=3,
    )
    return RegisteredModel(card, "1", {"xgboost.ubj": "0" * 64}, ensemble)


@pytest.fixture(scope="session")
def wary(
    model: RegisteredModel, samples: tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]
) -> RegisteredModel:
    """The same ensemble, as if it had been trained on crops alone: water is like nothing that it has seen."""
    features, truth = samples
    crops = np.ascontiguousarray(features[truth != 13].T)
    varies = (np.ptp(crops, axis=1) > 0).astype(float)
    known = Applicability.fit(crops, varies, np.arange(crops.shape[1]) % 4)
    return replace(model, applicability=known)


@pytest.fixture(scope="session")
def model_within(model: RegisteredModel) -> RegisteredModel:
    """The same as of 5 March: trained on series that end with February, the 18th dekad."""
    ensemble = Ensemble.train(*clear_views(18), seed=3, rounds=8)
    return replace(model, ensemble=ensemble, as_of="03-05")


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    store = Storage(str(tmp_path / "store"))
    store.ensure_buckets()
    return store


@pytest.fixture
def access() -> Access:
    return Access(threads=2)


@pytest.fixture
def request_of() -> Callable[[int], Request]:
    """The same request with blocks of a given size."""
    return lambda block_px: Request(AOI, SEASON, "small world", block_px, min_acquisitions=6)


@pytest.fixture
def find(world: World) -> Find:
    return world.find


@pytest.fixture
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    for read in (access_module.read_window, access_module.read_overview):
        monkeypatch.setattr(read.retry, "wait", lambda _state: 0)
