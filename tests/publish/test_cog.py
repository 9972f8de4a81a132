"""COGs: read back by rasterio, judged by rio-cogeo, the same bytes whatever the blocks."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
import rasterio.shutil
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rio_cogeo.cogeo import cog_validate

from geocrop_processes.domain.grid import Block, Grid
from geocrop_processes.domain.legend import Legend
from geocrop_processes.publish.cog import (
    CONFIDENCE_BANDS,
    probability_bands,
    write_class_map,
    write_confidence,
    write_probabilities,
)

Bytes = npt.NDArray[np.uint8]


def _grid(height: int, width: int) -> Grid:
    return Grid(32736, 200_000, 8_080_000, width, height)


def _whole(grid: Grid) -> Block:
    return Block(0, 0, grid.height, grid.width)


def _cut(
    pixels: Bytes, grid: Grid, size: int, anchor: tuple[int, int] = (0, 0), seed: int = 0
) -> Iterator[tuple[Block, Bytes]]:
    """The pixels by blocks in a shuffled order, once."""
    blocks = list(grid.blocks(size, anchor))
    for index in np.random.default_rng(seed).permutation(len(blocks)):
        yield blocks[index], pixels[(..., *blocks[index].slices)]


def _fields(grid: Grid, codes: tuple[int, ...], seed: int = 1) -> Bytes:
    rng = np.random.default_rng(seed)
    cells = rng.choice(np.array((0, *codes), np.uint8), (grid.height // 7 + 1, grid.width // 7 + 1))
    return np.ascontiguousarray(
        cells.repeat(7, axis=0).repeat(7, axis=1)[: grid.height, : grid.width]
    )


def _noise(grid: Grid, bands: int) -> Bytes:
    rng = np.random.default_rng(2)
    return rng.integers(0, 256, (bands, *grid.shape), dtype=np.uint8)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    size=st.integers(1, 80),
    anchor=st.tuples(st.integers(-50, 50), st.integers(-50, 50)),
    seed=st.integers(0, 99),
)
def test_any_division_into_blocks_in_any_order_gives_the_same_bytes(
    tmp_path: Path,
    legend: Legend,
    height: int,
    width: int,
    size: int,
    anchor: tuple[int, int],
    seed: int,
) -> None:
    grid = _grid(height, width)
    classes, bands = _fields(grid, legend.codes), _noise(grid, 7)
    at_once, in_blocks = tmp_path / "a.tif", tmp_path / "b.tif"
    write_class_map(at_once, grid, [(_whole(grid), classes)], legend, {})
    write_class_map(in_blocks, grid, _cut(classes, grid, size, anchor, seed), legend, {})
    assert at_once.read_bytes() == in_blocks.read_bytes()
    write_confidence(at_once, grid, [(_whole(grid), bands)], {})
    write_confidence(in_blocks, grid, _cut(bands, grid, size, anchor, seed), {})
    assert at_once.read_bytes() == in_blocks.read_bytes()


@pytest.mark.parametrize("size", [64, 100, 512])
def test_a_map_of_several_tiles_by_blocks_equals_the_map_at_once(
    tmp_path: Path, legend: Legend, size: int
) -> None:
    grid = _grid(1100, 700)
    classes, bands = _fields(grid, legend.codes), _noise(grid, 7)
    paths = [tmp_path / f"{n}.tif" for n in range(4)]
    write_class_map(paths[0], grid, _cut(classes, grid, 5000), legend, {"b": "2", "a": "1"})
    write_class_map(paths[1], grid, _cut(classes, grid, size), legend, {"a": "1", "b": "2"})
    write_confidence(paths[2], grid, _cut(bands, grid, 5000), {})
    write_confidence(paths[3], grid, _cut(bands, grid, size), {})
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[2].read_bytes() == paths[3].read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == [p.name for p in paths], "nothing is left"


@pytest.mark.parametrize("shape", [(20, 20), (1, 1), (302, 302), (513, 40), (1200, 1100)])
def test_every_raster_is_a_strictly_valid_cog(
    tmp_path: Path, legend: Legend, shape: tuple[int, int]
) -> None:
    grid = _grid(*shape)
    write_class_map(
        tmp_path / "c.tif", grid, _cut(_fields(grid, legend.codes), grid, 512), legend, {}
    )
    write_confidence(tmp_path / "q.tif", grid, _cut(_noise(grid, 7), grid, 512), {})
    write_probabilities(
        tmp_path / "p.tif", grid, _cut(_noise(grid, len(legend)), grid, 512), legend, {}
    )
    for name in ("c.tif", "q.tif", "p.tif"):
        assert cog_validate(tmp_path / name, strict=True, quiet=True) == (True, [], [])


def test_rasterio_reads_back_pixels_place_colours_and_names(tmp_path: Path, legend: Legend) -> None:
    grid, path = _grid(60, 45), tmp_path / "c.tif"
    classes = _fields(grid, legend.codes)
    write_class_map(path, grid, _cut(classes, grid, 32), legend, {"MODEL": "demo@3"})
    with rasterio.open(path) as dataset:
        np.testing.assert_array_equal(dataset.read(1), classes)
        assert (dataset.crs.to_epsg(), dataset.transform) == (grid.epsg, grid.transform)
        assert tuple(dataset.bounds) == grid.bounds
        assert (dataset.dtypes, dataset.nodata) == (("uint8",), 0)
        assert dataset.compression.value == "DEFLATE"
        assert dataset.descriptions == ("class",)
        colours = dataset.colormap(1)
        assert colours[0] == (0, 0, 0, 0)
        assert {c.code: colours[c.code] for c in legend} == {c.code: (*c.rgb, 255) for c in legend}
        names = {f"CLASS_{c.code}": c.name for c in legend}
        assert names.items() <= dataset.tags(1).items()
        assert dataset.tags()["MODEL"] == "demo@3"
        assert Legend.from_json(json.loads(dataset.tags()["LEGEND"])) == legend


def test_gdal_reads_the_attribute_table_from_inside_the_tiff(
    tmp_path: Path, legend: Legend
) -> None:
    grid, path = _grid(20, 20), tmp_path / "c.tif"
    write_class_map(path, grid, _cut(_fields(grid, legend.codes), grid, 20), legend, {})
    rasterio.shutil.copy(path, tmp_path / "c.vrt", driver="VRT")
    vrt = ET.parse(tmp_path / "c.vrt").getroot()  # noqa: S314 - GDAL's
    rows = [[f.text for f in row.findall("F")][:2] for row in vrt.iter("Row")]
    assert rows == [["0", "no data"], *([str(c.code), c.name] for c in legend)]


def test_confidence_says_what_its_bytes_mean(tmp_path: Path) -> None:
    grid, path = _grid(30, 30), tmp_path / "q.tif"
    bands = _noise(grid, 7)
    write_confidence(path, grid, _cut(bands, grid, 16), {"MODEL": "demo@3"})
    with rasterio.open(path) as dataset:
        np.testing.assert_array_equal(dataset.read(), bands)
        first = ("top", "margin", "entropy", "n_valid", "max_gap_days")
        assert dataset.descriptions == (*first, "disagreement", "dissimilarity")
        assert dataset.scales == (0.005, 0.005, 0.005, 1.0, 1.0, 0.005, 0.01)
        assert dataset.units == ("1", "1", "1", "1", "day", "1", "1")
        assert dataset.nodata == 255
        assert dataset.tags(2)["MEANING"] == CONFIDENCE_BANDS[1].description
        assert dataset.tags()["MODEL"] == "demo@3"


def test_probabilities_have_a_band_per_class(tmp_path: Path, legend: Legend) -> None:
    grid, path = _grid(30, 30), tmp_path / "p.tif"
    bands = _noise(grid, len(legend))
    write_probabilities(path, grid, _cut(bands, grid, 16), legend, {})
    with rasterio.open(path) as dataset:
        np.testing.assert_array_equal(dataset.read(), bands)
        assert dataset.descriptions == tuple(c.name for c in legend)
    assert [b.scale for b in probability_bands(legend)] == [0.005] * len(legend)


def test_pixels_in_no_block_are_no_data(tmp_path: Path, legend: Legend) -> None:
    grid = _grid(700, 700)
    block = Block(10, 20, 5, 6)
    write_class_map(tmp_path / "c.tif", grid, [(block, np.full((5, 6), 2, np.uint8))], legend, {})
    write_confidence(tmp_path / "q.tif", grid, [(block, np.full((7, 5, 6), 7, np.uint8))], {})
    with rasterio.open(tmp_path / "c.tif") as dataset:
        classes = dataset.read(1)
    with rasterio.open(tmp_path / "q.tif") as dataset:
        bands = dataset.read()
    assert (classes == 2).sum() == 30
    assert (classes == 0).sum() == classes.size - 30
    assert (bands == 7).sum() == 210
    assert (bands == 255).sum() == bands.size - 210
    full = np.zeros(grid.shape, np.uint8)
    full[block.slices] = 2
    write_class_map(tmp_path / "full.tif", grid, _cut(full, grid, 512), legend, {})
    assert (tmp_path / "full.tif").read_bytes() == (tmp_path / "c.tif").read_bytes()


def _overviews(path: Path) -> list[Bytes]:
    """All overviews of a file, finest first."""
    with rasterio.open(path) as dataset:
        levels = len(dataset.overviews(1))
    found = []
    for level in range(levels):
        with rasterio.open(path, overview_level=level) as dataset:
            found.append(dataset.read())
    return found


def _with_border(pixels: Bytes, side: int, no_data: int) -> Bytes:
    """Pixels of a band as (rows, columns, side * side), no data where the last squares leave them."""
    rows, cols = (-(-n // side) for n in pixels.shape)
    whole = np.full((rows * side, cols * side), no_data, np.uint8)
    whole[: pixels.shape[0], : pixels.shape[1]] = pixels
    return whole.reshape(rows, side, cols, side).swapaxes(1, 2).reshape(rows, cols, side * side)


def test_overviews_of_classes_hold_a_most_frequent_class_of_each_square(
    tmp_path: Path, legend: Legend
) -> None:
    grid, path = _grid(1101, 2050), tmp_path / "c.tif"
    classes = _fields(grid, legend.codes)
    classes[:300, :700] = 0
    write_class_map(path, grid, _cut(classes, grid, 400), legend, {})
    overviews = _overviews(path)
    assert [o.shape[1:] for o in overviews] == [(551, 1025), (276, 513), (138, 257)]
    for level, (overview,) in enumerate(overviews, start=1):
        squares = _with_border(classes, 2**level, 0)
        counts = np.stack([(squares == code).sum(axis=-1) for code in (0, *legend.codes)])
        there = counts[1:].sum(axis=0) > 0
        index = np.searchsorted((0, *legend.codes), overview)
        chosen = np.take_along_axis(counts, index[None], axis=0)[0]
        np.testing.assert_array_equal(overview != 0, there)
        np.testing.assert_array_equal(chosen[there], counts[1:].max(axis=0)[there])
        assert not there.all()


def test_overviews_of_measures_are_means_of_the_pixels_there_are(tmp_path: Path) -> None:
    grid, path = _grid(1101, 2050), tmp_path / "q.tif"
    bands = _noise(grid, 7)
    bands[:, :300, :700] = 255
    bands[0, 600:1000, 100:1800] = 255
    write_confidence(path, grid, _cut(bands, grid, 400), {})
    overviews = _overviews(path)
    assert len(overviews) == 3
    for level, overview in enumerate(overviews, start=1):
        for band, smaller in zip(bands, overview, strict=True):
            squares = _with_border(band, 2**level, 255)
            values = np.ma.masked_equal(squares, 255)
            expected = np.ma.filled(np.floor(values.mean(axis=-1) + 0.5), 255)
            np.testing.assert_array_equal(smaller, expected)


@pytest.mark.parametrize("threads", [1, 3, 16])
def test_any_number_of_threads_gives_the_same_bytes(
    tmp_path: Path, legend: Legend, threads: int
) -> None:
    grid = _grid(1400, 2100)
    classes, bands = _fields(grid, legend.codes), _noise(grid, 7)
    paths = [tmp_path / f"{n}.tif" for n in range(4)]
    write_class_map(paths[0], grid, _cut(classes, grid, 512), legend, {})
    write_class_map(paths[1], grid, _cut(classes, grid, 512), legend, {}, threads)
    write_confidence(paths[2], grid, _cut(bands, grid, 512), {})
    write_confidence(paths[3], grid, _cut(bands, grid, 512), {}, threads)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[2].read_bytes() == paths[3].read_bytes()


def test_a_file_says_how_its_overviews_were_made(tmp_path: Path, legend: Legend) -> None:
    grid = _grid(20, 20)
    write_class_map(tmp_path / "c.tif", grid, _cut(_fields(grid, (1,)), grid, 20), legend, {})
    write_confidence(tmp_path / "q.tif", grid, _cut(_noise(grid, 7), grid, 20), {})
    for name, reduction in (("c.tif", "MODE"), ("q.tif", "AVERAGE")):
        with rasterio.open(tmp_path / name) as dataset:
            assert dataset.tags()["OVERVIEW_RESAMPLING"] == reduction


@pytest.mark.parametrize(
    ("block", "pixels"),
    [
        (Block(0, 0, 8, 8), np.zeros((8, 9), np.uint8)),
        (Block(0, 0, 8, 8), np.zeros((1, 8, 8), np.uint8)),
        (Block(0, 0, 8, 8), np.zeros((8, 8), np.int64)),
        (Block(16, 0, 8, 8), np.zeros((8, 8), np.uint8)),
        (Block(0, 16, 8, 8), np.zeros((8, 8), np.uint8)),
        (Block(0, -1, 8, 8), np.zeros((8, 8), np.uint8)),
    ],
)
def test_pixels_that_do_not_fit_their_block_or_grid_are_refused(
    tmp_path: Path, legend: Legend, block: Block, pixels: Any
) -> None:
    target = tmp_path / "c.tif"
    target.write_bytes(b"what was there before")
    with pytest.raises(ValueError, match="Block"):
        write_class_map(target, _grid(20, 20), [(block, pixels)], legend, {})
    assert target.read_bytes() == b"what was there before"
    assert list(tmp_path.iterdir()) == [target], "nothing is left beside it"


def test_a_crash_of_whoever_makes_the_blocks_leaves_nothing(tmp_path: Path, legend: Legend) -> None:
    def blocks() -> Iterator[tuple[Block, Bytes]]:
        yield Block(0, 0, 5, 20), np.ones((5, 20), np.uint8)
        raise RuntimeError("lost")

    with pytest.raises(RuntimeError, match="lost"):
        write_class_map(tmp_path / "c.tif", _grid(20, 20), blocks(), legend, {})
    assert not list(tmp_path.iterdir())


def test_another_name_of_a_class_makes_another_file(tmp_path: Path, legend: Legend) -> None:
    grid = _grid(20, 20)
    classes = _fields(grid, legend.codes)
    renamed = Legend((replace(legend.classes[0], name="corn"), *legend.classes[1:]))
    write_class_map(tmp_path / "a.tif", grid, _cut(classes, grid, 20), legend, {})
    write_class_map(tmp_path / "b.tif", grid, _cut(classes, grid, 20), renamed, {})
    assert (tmp_path / "a.tif").read_bytes() != (tmp_path / "b.tif").read_bytes()
