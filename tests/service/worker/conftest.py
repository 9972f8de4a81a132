"""A small archive behind a real STAC API, a small model, and a worker's context over both."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
from affine import Affine

from geocrop_processes.domain.legend import CropClass, Legend
from geocrop_processes.features.bands import BANDS, BANDS_10M
from geocrop_processes.features.compute import compute
from geocrop_processes.features.order import FEATURE_ORDER_V1, FINGERPRINT
from geocrop_processes.imagery.scene import FILES
from geocrop_processes.models import members
from geocrop_processes.models.card import ModelCard
from geocrop_processes.models.ensemble import Ensemble
from geocrop_processes.registry import Learned, RegisteredModel, Registry
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.worker import WorkerContext
from geocrop_processes.settings import CatalogSettings, MapSettings, ServiceSettings, Settings
from geocrop_processes.simulation.app import serve
from tests.backends import Backend

SIDE = 80
"""Pixels of the small tile's sides; its corner is at 30.20 E, 17.36 S in zone 35."""
LEFT, TOP = 839_700, 8_078_200
PASSES = 20
LEGEND = Legend(
    (
        CropClass(1, "maize", "#ffd300", cropland=True),
        CropClass(4, "soybean", "#267000", cropland=True),
        CropClass(13, "water", "#419bdf"),
    )
)
_PEAKS = {1: (150, 0.35), 4: (190, 0.5), 13: (0, 0.0)}
_BEGIN = datetime(2022, 9, 1, tzinfo=UTC)


def _digital_numbers(
    truth: npt.NDArray[np.uint8], dos: int, random: np.random.Generator
) -> npt.NDArray[np.uint16]:
    """(10, ...): near infrared rises and falls with the class's season, red the other way round."""
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
        driver="GTiff",
        height=height,
        width=width,
        count=1,
        dtype=pixels.dtype,
        crs="EPSG:32735",
        transform=Affine(pixel_m, 0, LEFT, 0, -pixel_m, TOP),
        nodata=0,
    ) as target:
        target.write(pixels, 1)


def _item(moment: datetime, number: int) -> dict[str, Any]:
    title = f"S2A_35KRA_{moment:%Y%m%d}_{number}_L2A"
    assets = {}
    for name in FILES:
        pixel = 10 if name in BANDS_10M else 20
        assets[name] = {
            "href": f"{title}/{name}.tif",
            "proj:shape": [SIDE * 10 // pixel] * 2,
            "proj:transform": [pixel, 0, LEFT, 0, -pixel, TOP, 0, 0, 1],
        }
    box = [30.19, -17.37, 30.21, -17.35]
    west, south, east, north = box
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": title,
        "collection": "s2_l2a",
        "bbox": box,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {
            "title": title,
            "datetime": moment.isoformat(),
            "platform": "sentinel-2a",
            "odc:region_code": "35KRA",
            "proj:epsg": 32735,
            "sentinel:processing_baseline": "04.00",
            "sentinel:boa_offset_applied": True,
        },
        "assets": assets,
        "links": [],
    }


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the archive's STAC API."""
    folder = tmp_path_factory.mktemp("world")
    random = np.random.default_rng(7)
    truth = np.repeat(np.array([1, 4, 13, 4, 1], np.uint8), SIDE // 5)[None, :].repeat(SIDE, axis=0)
    for number in range(PASSES):
        moment = _BEGIN + timedelta(days=2.3 + 13.4 * number)
        item = _item(moment, number)
        (folder / item["id"]).mkdir()
        (folder / item["id"] / f"{item['id']}.json").write_text(json.dumps(item))
        dn = _digital_numbers(truth, (moment - _BEGIN).days, random)
        _write(folder / item["id"] / "SCL.tif", np.full((SIDE // 2, SIDE // 2), 5, np.uint8), 20)
        for band, pixels in zip(BANDS, dn, strict=True):
            step = 1 if band in BANDS_10M else 2
            _write(folder / item["id"] / f"{band}.tif", pixels[::step, ::step], 10 * step)
    with serve(folder) as url:
        yield url


def trained(until: int = 27) -> Ensemble:
    """A small ensemble that was trained on views of the three classes in a season's first dekads."""
    random = np.random.default_rng(8)
    truth = np.repeat(np.array([1, 4, 13], np.uint8), 40)
    days = [(_BEGIN + timedelta(days=d)).date() for d in range(2, 272, 9)]
    dn = np.stack([_digital_numbers(truth, (day - _BEGIN.date()).days, random) for day in days])
    features = compute(dn, np.full((len(days), len(truth)), 5, np.uint8), days, until)
    patched = pytest.MonkeyPatch()
    patched.setattr(members, "ROUNDS", 6)
    ensemble = Ensemble.train(np.ascontiguousarray(features.values.T), truth, seed=3)
    patched.undo()
    return ensemble


@pytest.fixture(scope="session")
def model() -> RegisteredModel:
    """A small model of the whole season."""
    card = ModelCard(
        name="stripes",
        description="Three classes in stripes.",
        legend=LEGEND,
        features=FEATURE_ORDER_V1,
        fingerprint=FINGERPRINT,
        simulated=False,
        seasons=(2022,),
        samples={c.name: 40 for c in LEGEND},
        accuracy={},
        software={},
        seed=3,
    )
    return RegisteredModel(card, "1", {"xgboost.ubj": "0" * 64}, trained())


@pytest.fixture(scope="session")
def dated(model: RegisteredModel, registry: Registry) -> str:
    """The reference of a registered model that knows the end of February, too."""
    card = replace(model.card, name="dated", as_of=("02-28",))
    in_season = {"02-28": Learned(trained(18))}
    return registry.save(model.ensemble, card, in_season=in_season).reference


@pytest.fixture
def settings(backend: Backend, archive: str) -> Settings:
    """Of a deployment that searches the small archive and cuts its map into a few blocks."""
    return backend.settings(
        catalog=CatalogSettings(url=archive),
        map=MapSettings(block_px=32),
        service=ServiceSettings(lease_s=60, attempts=3),
    )


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """An empty one; making its database takes seconds."""
    folder = tmp_path_factory.mktemp("registry")
    return Registry(f"sqlite:///{folder / 'mlflow.db'}", str(folder))


@pytest.fixture
def context(
    settings: Settings, model: RegisteredModel, registry: Registry
) -> Iterator[WorkerContext]:
    """A worker's process, with the model loaded."""
    storage = settings.open_storage()
    opened = WorkerContext(
        settings,
        JobStore.of(settings),
        storage,
        registry,
        settings.access(),
        {(model.reference, ""): model},
    )
    yield opened
    opened.store.close()
