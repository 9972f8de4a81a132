"""The picture: right colours in the circle, nothing around it, the same bytes each time."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.grid import Block, Grid
from geocrop_processes.domain.legend import CropClass, Legend
from geocrop_processes.publish.cog import write_class_map
from geocrop_processes.publish.legend_card import draw_card
from geocrop_processes.publish.quicklook import write_quicklook
from geocrop_processes.publish.record import MapRecord
from geocrop_processes.publish.tally import Tally

Bytes = npt.NDArray[np.uint8]
Draw = Callable[[MapRecord, Bytes], Image.Image]


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    def to_picture(record: MapRecord, classes: Bytes) -> Image.Image:
        grid, path = record.grid, tmp_path / "class-map.tif"
        block = Block(0, 0, grid.height, grid.width)
        write_class_map(path, grid, [(block, classes)], record.card.legend, {})
        write_quicklook(path, record, tmp_path / "quicklook.png")
        with Image.open(tmp_path / "quicklook.png") as picture:
            picture.load()
            return picture.copy()

    return to_picture


def _colours(picture: Image.Image) -> set[tuple[int, ...]]:
    pixels = np.asarray(picture).reshape(-1, 4)
    values, counts = np.unique(pixels, axis=0, return_counts=True)
    return {tuple(int(v) for v in value) for value in values[counts > 200]}


def _of_radius(record: MapRecord, radius_m: float) -> tuple[MapRecord, Bytes]:
    """A map of one class in a circle of that radius."""
    aoi = Aoi(record.aoi.lon, record.aoi.lat, radius_m)
    grid = Grid.of_aoi(aoi, record.grid.epsg)
    inside = grid.inside(aoi)
    classes = inside.astype(np.uint8)
    tally = Tally.of_block(classes, np.zeros((7, *grid.shape), np.uint8), inside)
    return replace(record, aoi=aoi, grid=grid, tally=tally), classes


def test_each_class_present_has_its_colour_and_no_other(
    record: MapRecord, classes: Bytes, draw: Draw
) -> None:
    colours = _colours(draw(record, classes))
    by_name = {c.name: (*c.rgb, 255) for c in record.card.legend}
    absent = by_name.pop("water")
    assert set(by_name.values()) <= colours
    assert absent not in colours


def test_around_the_circle_all_is_transparent(
    record: MapRecord, classes: Bytes, draw: Draw
) -> None:
    alpha = draw(record, classes).getchannel("A")
    corners = [(0, 0), (0, alpha.height - 1), (alpha.width - 1, 0), (20, 20)]
    assert [alpha.getpixel(corner) for corner in corners] == [0, 0, 0, 0]


@pytest.mark.parametrize("radius_m", [100.0, 600.0, 3000.0, 5200.0])
def test_no_side_is_longer_than_1024_pixels(record: MapRecord, draw: Draw, radius_m: float) -> None:
    large, classes = _of_radius(record, radius_m)
    picture = draw(large, classes)
    assert 600 < max(picture.size) <= 1024


def test_a_whole_circle_of_one_class_shows_no_gap(record: MapRecord, draw: Draw) -> None:
    small, classes = _of_radius(record, 600.0)
    pixels = np.asarray(draw(small, classes))[:, :620].reshape(-1, 4)
    opaque = {tuple(int(v) for v in p[:3]) for p in pixels if p[3] == 255}
    unmapped = (0xD3, 0xD8, 0xDE)
    assert (255, 211, 0) in opaque
    assert unmapped not in opaque


def test_the_same_record_gives_the_same_bytes(
    record: MapRecord, classes: Bytes, draw: Draw, tmp_path: Path
) -> None:
    draw(record, classes)
    first = (tmp_path / "quicklook.png").read_bytes()
    draw(record, classes)
    assert (tmp_path / "quicklook.png").read_bytes() == first


def test_only_simulated_data_are_warned_of(record: MapRecord, real_record: MapRecord) -> None:
    warning = (0xB4, 0x23, 0x18, 255)
    red = [
        int((np.asarray(draw_card(r, "#d3d8de", 0.2)) == warning).all(axis=2).sum())
        for r in (record, real_record)
    ]
    assert red[0] > 100
    assert red[1] == 0


def test_too_many_classes_are_summed_up_and_the_picture_stays_small(
    record: MapRecord, draw: Draw
) -> None:
    many, classes = _of_radius(record, 600.0)
    name = "a crop with a name that is far too long for one line of any legend, number"
    legend = Legend(tuple(CropClass(n, f"{name} {n}", f"#0000{n:02x}") for n in range(1, 60)))
    pixels = (0, *range(1000, 0, -10)) + (0,) * 155
    record_of_many = replace(
        many, card=replace(many.card, legend=legend), tally=replace(many.tally, pixels=pixels)
    )
    picture = draw(record_of_many, classes)
    assert max(picture.size) == 1024
    short = Legend(tuple(CropClass(n, f"crop {n}", f"#0000{n:02x}") for n in range(1, 60)))
    card = draw_card(replace(record_of_many, card=replace(many.card, legend=short)), "#d3d8de", 0.2)
    shown = {c[:3] for c in _colours(card)}
    assert (0, 0, 15) in shown
    assert (0, 0, 16) not in shown


@pytest.mark.parametrize(
    ("lon", "lat", "place"),
    [
        (30.2, -17.36, "17.36° S, 30.2° E"),
        (-0.123456, 51.5, "51.5° N, 0.12346° W"),
        (0.0, 0.0, "0° N, 0° E"),
    ],
)
def test_a_place_is_written_without_minus_signs(
    record: MapRecord, lon: float, lat: float, place: str
) -> None:
    assert replace(record, aoi=Aoi(lon, lat, 600.0)).place == place


def test_a_bar_of_scale_is_drawn_at_any_scale(record: MapRecord) -> None:
    heights = {draw_card(record, "#d3d8de", ppm).height for ppm in (10.0, 0.2, 0.012)}
    assert len(heights) == 1
