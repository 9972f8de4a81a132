"""What Debian's GDAL makes of the files: its own validator, names and colours."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import rasterio

from geocrop_processes.domain.grid import Block, Grid
from geocrop_processes.domain.legend import Legend
from geocrop_processes.publish.cog import write_class_map, write_confidence, write_probabilities
from geocrop_processes.publish.record import MapRecord
from geocrop_processes.publish.style import gdal_pam

pytestmark = pytest.mark.system


@pytest.fixture
def product(
    tmp_path: Path,
    record: MapRecord,
    classes: npt.NDArray[np.uint8],
    confidence: npt.NDArray[np.uint8],
) -> Path:
    def blocks(pixels: npt.NDArray[np.uint8]) -> Iterator[tuple[Block, npt.NDArray[np.uint8]]]:
        for block in record.grid.blocks(50):
            yield block, pixels[(..., *block.slices)]

    legend = record.card.legend
    write_class_map(tmp_path / "class-map.tif", record.grid, blocks(classes), legend, {})
    write_confidence(tmp_path / "confidence.tif", record.grid, blocks(confidence), {})
    return tmp_path


def _gdalinfo(path: Path, *options: str) -> str:
    """What gdalinfo prints; a missing gdalinfo fails the test."""
    command = ["/usr/bin/gdalinfo", *options, str(path)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _band(path: Path) -> dict[str, Any]:
    return dict(json.loads(_gdalinfo(path, "-json"))["bands"][0])


def _validate(path: Path) -> None:
    script = "osgeo_utils.samples.validate_cloud_optimized_geotiff"
    command = ["/usr/bin/python3", "-m", script, "--full-check=yes", str(path)]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "is a valid cloud optimized GeoTIFF" in result.stdout


@pytest.mark.parametrize("name", ["class-map.tif", "confidence.tif"])
def test_gdals_validator_accepts_every_cog(product: Path, name: str) -> None:
    _validate(product / name)


def test_an_older_gdal_reads_the_same_pixels_of_many_bands_and_tiles(
    tmp_path: Path, legend: Legend
) -> None:
    grid, path = Grid(32736, 200_000, 8_080_000, 1300, 1100), tmp_path / "probabilities.tif"
    pixels = np.random.default_rng(8).integers(0, 256, (len(legend), *grid.shape), dtype=np.uint8)
    write_probabilities(path, grid, [(Block(0, 0, *grid.shape), pixels)], legend, {})
    _validate(path)
    bands = json.loads(_gdalinfo(path, "-json", "-checksum"))["bands"]
    with rasterio.open(path) as dataset:
        sums = [dataset.checksum(index) for index in dataset.indexes]
    assert [band["checksum"] for band in bands] == sums
    assert [o["size"] for o in bands[0]["overviews"]] == [[650, 550], [325, 275]]
    with rasterio.open(path, overview_level=1) as dataset:
        sums = [dataset.checksum(index) for index in dataset.indexes]
    assert [band["overviews"][1]["checksum"] for band in bands] == sums


def test_gdal_reads_every_name_and_colour_from_the_tiff_alone(
    product: Path, legend: Legend
) -> None:
    band = _band(product / "class-map.tif")
    assert band["colorInterpretation"] == "Palette"
    assert band["noDataValue"] == 0
    names = {f"CLASS_{c.code}": c.name for c in legend}
    assert names.items() <= band["metadata"][""].items()
    entries = band["colorTable"]["entries"]
    assert entries[0] == [0, 0, 0, 0]
    assert {c.code: entries[c.code] for c in legend} == {c.code: [*c.rgb, 255] for c in legend}


def test_gdal_reads_category_names_and_the_attribute_table_beside_the_tiff(
    product: Path, legend: Legend
) -> None:
    side_file = product / "class-map.tif.aux.xml"
    side_file.write_text(gdal_pam(legend), encoding="utf-8")
    rows = json.loads(_gdalinfo(product / "class-map.tif", "-json"))["rat"]["row"]
    assert [row["f"][:2] for row in rows] == [[0, "no data"]] + [[c.code, c.name] for c in legend]
    text = _gdalinfo(product / "class-map.tif")
    for c in legend:
        assert f"{c.code}: {c.name}" in text


def test_gdal_reads_names_units_and_scales_of_the_confidence(product: Path) -> None:
    bands = json.loads(_gdalinfo(product / "confidence.tif", "-json"))["bands"]
    assert [b["description"] for b in bands] == [
        "top",
        "margin",
        "entropy",
        "n_valid",
        "max_gap_days",
        "disagreement",
        "dissimilarity",
    ]
    assert [b.get("scale", 1.0) for b in bands] == [0.005, 0.005, 0.005, 1, 1, 0.005, 0.01]
    assert bands[4]["unit"] == "day"
    assert {b["noDataValue"] for b in bands} == {255}
