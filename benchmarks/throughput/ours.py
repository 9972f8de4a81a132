"""Our service with a job store on PostgreSQL that holds many jobs, each with its product."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import insert

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.grid import Grid
from geocrop_processes.domain.legend import CropClass, Legend
from geocrop_processes.domain.season import Season
from geocrop_processes.models.card import ModelCard
from geocrop_processes.publish.assets import KINDS, ProductAsset
from geocrop_processes.publish.record import MapRecord, SourceScene
from geocrop_processes.publish.stac import build_item
from geocrop_processes.publish.tally import Tally
from geocrop_processes.service import products
from geocrop_processes.service.database import Database
from geocrop_processes.service.embedded import run
from geocrop_processes.service.schema import jobs
from geocrop_processes.settings import ServiceSettings, Settings

_FIRST = datetime(2026, 1, 1, tzinfo=UTC)
_CARD = ModelCard(
    name="stripes",
    description="For the benchmark.",
    legend=Legend(
        (CropClass(1, "maize", "#ffd300", cropland=True), CropClass(13, "water", "#419bdf"))
    ),
    features=("ndvi_sep",),
    fingerprint="sha256:" + "ab" * 32,
    simulated=True,
    seasons=(2022,),
    samples={"maize": 10},
    accuracy={},
    software={},
    seed=1,
)
_IDLE = [sys.executable, "-c", "import time; time.sleep(1e6)"]


@contextmanager
def our_service(folder: Path, database: str, stored: int) -> Iterator[str]:
    """The address of a service whose store holds so many successful maps.

    Nothing carries its new jobs out: what is measured is the server.
    """
    settings = Settings(
        data=folder / "ours",
        service=ServiceSettings(
            database=database, port=0, workers=1, max_open_jobs=10**7, max_open_jobs_of_owner=10**7
        ),
    )
    _fill(database, stored)
    with run(settings, print, worker=_IDLE) as running:
        yield running.url


def _fill(database: str, stored: int) -> None:
    """Write jobs and their items down, as many maps all over the country would have left them."""
    opened, item = Database(database), _item()
    try:
        with opened.write() as connection:
            connection.execute(insert(jobs), [_job(number) for number in range(stored)])
            for number in range(stored):
                products.add(connection, _name(number), _moved(item, number))
        with opened.write() as connection:
            connection.exec_driver_sql("ANALYZE")
    finally:
        opened.close()


def _name(number: int) -> str:
    return f"job-{number:05d}"


def _job(number: int) -> dict[str, Any]:
    at = (_FIRST + timedelta(minutes=number)).timestamp()
    return {
        "id": _name(number),
        "process": "crop-classification",
        "owner": "anonymous",
        "status": "successful",
        "progress": 100,
        "message": "published",
        "created": at,
        "updated": at + 90,
        "started": at + 1,
        "finished": at + 90,
        "inputs": {"aoi": [30.2, -17.36, 600.0], "year": 2022, "model": "geocrop-demo@1"},
        "request": {},
        "result": {"job_id": _name(number), "outputs": {}, "summary": {}},
        "digest": f"{number:064x}",
        "product": _name(number),
        "blocks": 1,
        "blocks_done": 1,
    }


def _item() -> dict[str, Any]:
    """A product's item, by the code that publishes."""
    aoi, season = Aoi(25.3, -22.4, 600.0), Season(2022)
    grid = Grid.of_aoi(aoi, 32735)
    inside = grid.inside(aoi)
    record = MapRecord(
        job_id="job",
        aoi=aoi,
        season=season,
        grid=grid,
        card=_CARD,
        model_version="1",
        member_checksums={"xgboost.ubj": "11" * 32},
        catalog_url="https://example.org/stac",
        scenes=(SourceScene("S2A_1", "s2_l2a", datetime(2022, 11, 12, tzinfo=UTC), None),),
        left_out=(),
        digest="ab" * 32,
        simulated=True,
        created=_FIRST,
        software={"geocrop": "0.1.0"},
        tally=Tally.of_block(
            inside.astype(np.uint8), np.full((7, *grid.shape), 100, np.uint8), inside
        ),
    )
    assets = [ProductAsset(key, "cd" * 32, 10_000) for key in KINDS if key != "probabilities"]
    return build_item(record, assets).to_dict(include_self_link=False, transform_hrefs=False)


def _moved(item: dict[str, Any], number: int) -> dict[str, Any]:
    """The item of another product: each at a place of its own, 100 in a row, in one of five seasons."""
    east, north, years = 0.07 * (number % 100), 0.06 * (number // 100), -(number % 5)
    ring = [[x + east, y + north] for x, y in item["geometry"]["coordinates"][0]]
    west, south, *rest = item["bbox"]
    times = {
        name: f"{int(moment[:4]) + years}{moment[4:]}"
        for name, moment in item["properties"].items()
        if name in {"start_datetime", "end_datetime"}
    }
    return item | {
        "id": _name(number),
        "bbox": [west + east, south + north, rest[0] + east, rest[1] + north],
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": item["properties"] | times,
    }
