"""Real pixels beside the checkout: read, converted to COGs with STAC items, judged fold by fold."""

import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
from affine import Affine
from sklearn.ensemble import RandomForestClassifier

from geocrop_processes.domain.season import Season
from geocrop_processes.features.bands import BANDS_10M
from geocrop_processes.imagery.scene import FILES
from geocrop_processes.models.ensemble import Ensemble

ROUNDS = 40
"""Boosting rounds here, of a few hundred to a thousand rows; a model of many thousands needs more. On these
chips 40, 60 and 160 rounds are within 0.03 of one another, and 40 take a quarter of the time of 160."""
TREES = 200
"""Of the RandomForest that the ensemble is compared with; its other settings are scikit-learn's."""
DOCUMENT = Path(__file__).parents[2] / "docs" / "real-pixels.md"

Convert = Callable[[str, Season], tuple[list[dict[str, Any]], npt.NDArray[np.uint16]]]
Folds = Iterable[tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]]
Train = Callable[
    [npt.NDArray[np.float32], npt.NDArray[np.uint8], Folds],
    Iterator[tuple[npt.NDArray[np.bool_], Ensemble, RandomForestClassifier]],
]


@pytest.fixture(scope="session")
def convert_chip(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Convert:
    """Turns a chip's netCDF cubes into an archive.

    The result takes a chip's name and a season; it writes one COG per band and date and gives the STAC items
    in the layout `s2_l2a`, and the crop codes of the labels, uint16 (64, 64), 0 = none.
    """
    source = shared / "data" / "worldcereal_chips"

    def convert(name: str, season: Season) -> tuple[list[dict[str, Any]], npt.NDArray[np.uint16]]:
        folder = tmp_path_factory.mktemp(name)
        labels, tags = _read(source / f"{name}_out.nc", "CT")
        items: dict[datetime, dict[str, Any]] = {}
        for band in FILES:
            size = "10m" if band in BANDS_10M else "20m"
            cube, about = _read(source / f"{name}_s2_{size}.nc", band)
            for moment, pixels in zip(_moments(about), cube, strict=True):
                if season.start <= moment.date() <= season.end:
                    item = items.setdefault(moment, _item(moment, tags))
                    path = folder / str(item["properties"]["title"]) / f"{band}.tif"
                    item["assets"][band] = _write(path, pixels, tags)
        return [items[moment] for moment in sorted(items)], labels[0].astype(np.uint16)

    return convert


@pytest.fixture(scope="session")
def train_on_folds() -> Train:
    """Trains the ensemble and a RandomForest on the same rows, fold by fold.

    The result takes features (n, 51), class codes (n,) and folds (the rows to train on, which rows are held
    out), and yields what is held out with the two that have not seen it.
    """

    def train(
        features: npt.NDArray[np.float32], codes: npt.NDArray[np.uint8], folds: Folds
    ) -> Iterator[tuple[npt.NDArray[np.bool_], Ensemble, RandomForestClassifier]]:
        for rows, held_out in folds:
            # one thread: for so few rows more of them wait for each other most of the time
            ensemble = Ensemble.train(features[rows], codes[rows], seed=0, threads=1, rounds=ROUNDS)
            forest = RandomForestClassifier(TREES, random_state=0)
            yield held_out, ensemble, forest.fit(features[rows], codes[rows])

    return train


@pytest.fixture(scope="session")
def documented() -> Mapping[str, Mapping[str, float]]:
    """The table of `docs/real-pixels.md`: figures by row and column."""
    lines = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("|")]
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    columns = table[0][1:]
    return {
        row[0]: {
            column: float(cell)
            for column, cell in zip(columns, row[1:], strict=True)
            if re.fullmatch(r"[\d.]+", cell)
        }
        for row in table[2:]
    }


def _read(path: Path, name: str) -> tuple[npt.NDArray[Any], dict[str, str]]:
    """A variable of a netCDF file (layers, y, x), north up, with its attributes."""
    # these files run from north to south; without a geotransform GDAL would take them to run the other way
    with (
        rasterio.Env(GDAL_NETCDF_BOTTOMUP="NO"),
        pytest.warns(rasterio.errors.NotGeoreferencedWarning),
        rasterio.open(f'netcdf:"{path}":{name}') as dataset,
    ):
        return dataset.read(), dataset.tags()


def _moments(tags: Mapping[str, str]) -> list[datetime]:
    """The time of each layer, UTC."""
    origin = datetime.fromisoformat(tags["timestamp#units"].removeprefix("seconds since "))
    seconds = tags["NETCDF_DIM_timestamp_VALUES"].strip("{}").split(",")
    return [origin.replace(tzinfo=UTC) + timedelta(seconds=int(s)) for s in seconds]


def _item(moment: datetime, tags: Mapping[str, str]) -> dict[str, Any]:
    """A STAC item without assets. The cubes do not say which satellite or baseline a date is of; all are
    older than baseline 04.00, so that their pixels carry no offset."""
    tile = tags["NC_GLOBAL#tile"]
    title = f"S2_{tile}_{moment:%Y%m%d}_0_L2A"
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, title)),
        "collection": "s2_l2a",
        "properties": {
            "title": title,
            "datetime": moment.isoformat(),
            "platform": "sentinel-2",
            "odc:region_code": tile,
            "proj:epsg": int(tags["NC_GLOBAL#epsg"]),
        },
        "assets": {},
        "links": [],
    }


def _write(path: Path, pixels: npt.NDArray[Any], tags: Mapping[str, str]) -> dict[str, Any]:
    """Write one layer as a COG; its asset."""
    west, _, east, north = (float(v) for v in tags["NC_GLOBAL#bounds"].strip("{}").split(","))
    height, width = pixels.shape
    metres = (east - west) / width
    transform = Affine(metres, 0, west, 0, -metres, north)
    path.parent.mkdir(exist_ok=True)
    with rasterio.open(
        path,
        "w",
        driver="COG",
        height=height,
        width=width,
        count=1,
        dtype=pixels.dtype,
        crs=f"EPSG:{tags['NC_GLOBAL#epsg']}",
        transform=transform,
        nodata=0,
    ) as target:
        target.write(pixels, 1)
    return {"href": str(path), "proj:shape": [height, width], "proj:transform": list(transform)}
