"""A small made-up product: legend, model card, record."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pytest

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.grid import Grid
from geocrop_processes.domain.legend import CropClass, Legend
from geocrop_processes.domain.season import Season
from geocrop_processes.models.card import ModelCard
from geocrop_processes.publish.comparison import Comparison
from geocrop_processes.publish.record import BaselineUse, LeftOutScene, MapRecord, SourceScene
from geocrop_processes.publish.tally import Tally

Bytes = npt.NDArray[np.uint8]
AOI = Aoi(30.2, -17.36, 600.0)
GRID = Grid.of_aoi(AOI, 32736)


@pytest.fixture(scope="session")
def aoi() -> Aoi:
    return AOI


@pytest.fixture(scope="session")
def grid() -> Grid:
    return GRID


@pytest.fixture(scope="session")
def legend() -> Legend:
    return Legend(
        (
            CropClass(1, "maize", "#ffd300", 1101060000, cropland=True),
            CropClass(2, "tobacco & <others>", "#00af4b", None, cropland=True),
            CropClass(5, "forêt", "#397d49"),
            CropClass(200, "water", "#419bdf"),
        )
    )


@pytest.fixture(scope="session")
def card(legend: Legend) -> ModelCard:
    return ModelCard(
        name="zimbabwe-demo",
        description="For tests.",
        legend=legend,
        features=("ndvi_sep", "ndvi_oct"),
        fingerprint="sha256:" + "ab" * 32,
        simulated=True,
        seasons=(2020,),
        samples={"maize": 10},
        accuracy={},
        software={"xgboost": "3.0.0"},
        seed=7,
    )


@pytest.fixture(scope="session")
def classes() -> Bytes:
    """Fields of 10 x 10 pixels within the circle, 0 around it."""
    rng = np.random.default_rng(3)
    cells = tuple(-(-n // 10) for n in GRID.shape)
    fields = rng.choice(np.array([0, 1, 2, 5], np.uint8), cells, p=[0.05, 0.5, 0.3, 0.15])
    pixels = fields.repeat(10, axis=0).repeat(10, axis=1)[: GRID.height, : GRID.width]
    return np.where(GRID.inside(AOI), pixels, 0).astype(np.uint8)


@pytest.fixture(scope="session")
def confidence(
    classes: Bytes,
) -> Bytes:
    """Any bytes where there is a class, no data elsewhere; n_valid all over the circle."""
    rng = np.random.default_rng(4)
    bands = rng.integers(0, 201, (7, *classes.shape)).astype(np.uint8)
    bands[3] = rng.integers(0, 28, classes.shape)
    for band in (0, 1, 2, 5, 6):
        bands[band, classes == 0] = 255
    bands[:, ~GRID.inside(AOI)] = 255
    return bands


@pytest.fixture(scope="session")
def record(
    card: ModelCard,
    classes: Bytes,
    confidence: Bytes,
) -> MapRecord:
    return MapRecord(
        job_id="job-1",
        aoi=AOI,
        season=Season(2022),
        grid=GRID,
        card=card,
        model_version="3",
        member_checksums={
            "xgboost.ubj": "11" * 32,
            "lightgbm.txt": "22" * 32,
            "catboost.cbm": "33" * 32,
        },
        catalog_url="http://127.0.0.1:8000",
        scenes=(
            SourceScene(
                "S2A_36KTF_20221112_0_L2A",
                "s2_l2a",
                datetime(2022, 11, 12, 8, 10, tzinfo=UTC),
                "http://127.0.0.1:8000/collections/s2_l2a/items/one",
            ),
            SourceScene(
                "S2B_36KTF_20221117_0_L2A",
                "s2_l2a",
                datetime(2022, 11, 17, 8, 10, tzinfo=UTC),
                None,
            ),
        ),
        left_out=(LeftOutScene("S2A_36KTF_20221122_0_L2A", "its pixels cannot be read"),),
        digest="cd" * 32,
        simulated=True,
        created=datetime(2026, 11, 23, 6, 0, tzinfo=UTC),
        software={"geocrop": "0.1.0", "GDAL": "3.12.2"},
        tally=Tally.of_block(classes, confidence, GRID.inside(AOI)),
        applicability_threshold=0.25,
    )


@pytest.fixture(scope="session")
def real_record(record: MapRecord) -> MapRecord:
    """The same from real imagery by a model of real samples."""
    return replace(record, simulated=False, card=replace(record.card, simulated=False))


@pytest.fixture(scope="session")
def masked_record(record: MapRecord) -> MapRecord:
    """The same under a cropland mask."""
    files = {"dw/zim/summer/agreement_2022.tif": "sha256:" + "ef" * 32}
    use = BaselineUse("agreement", files, masked=True, comparison=Comparison(600, 100, 50, 250))
    return replace(record, baseline=use)
