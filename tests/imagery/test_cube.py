import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import Transformer
from rasterio.enums import Resampling
from rasterio.transform import from_origin
from rasterio.warp import reproject

from geocrop_processes.domain.grid import Grid
from geocrop_processes.errors import SceneUnreadable
from geocrop_processes.features.bands import BANDS, BANDS_10M, CLEAR_SCL, SCL, harmonise
from geocrop_processes.imagery import access
from geocrop_processes.imagery import cube as cube_module
from geocrop_processes.imagery.access import ATTEMPTS, LOCAL_THREADS, Access
from geocrop_processes.imagery.cube import _harmonise, acquisitions, read_cube
from geocrop_processes.imagery.scene import FILES, BandFile, Scene

Write = Callable[..., Scene]
Make = Callable[..., Any]

LEFT, TOP, SIDE = 838_600, 8_079_300, 120
GRID = Grid(32735, LEFT, TOP, SIDE, SIDE)
ACCESS = Access(threads=2)
LON = 30.2


def everywhere(grid: Grid) -> npt.NDArray[np.bool_]:
    return np.ones(grid.shape, bool)


def read(
    scenes: list[Scene], grid: Grid = GRID, inside: npt.NDArray[np.bool_] | None = None
) -> npt.NDArray[np.uint16]:
    """The cube's values; every scene must be readable."""
    observed = acquisitions(scenes, grid.epsg, LON)
    found = read_cube(observed, grid, everywhere(grid) if inside is None else inside, ACCESS)
    assert found.left_out == ()
    values: npt.NDArray[np.uint16] = found.cube.values
    return values


def whole(pixels: Any, offset: int = 0) -> npt.NDArray[np.uint16]:
    """What is expected of pixels on their own grid: (band, y, x), 20 m repeated."""
    layers = []
    for name in FILES:
        values = pixels.bands[name]
        if name not in BANDS_10M:
            values = values.repeat(2, axis=0).repeat(2, axis=1)
        layers.append(values if name == SCL else harmonise(values, offset))
    return np.stack(layers).astype(np.uint16)


def other_zone(side: int = 200) -> tuple[int, int]:
    """The corner in zone 36 of a tile that covers the small grid of zone 35."""
    x, y = Transformer.from_crs(32735, 32736, always_xy=True).transform(
        LEFT + SIDE * 5, TOP - SIDE * 5
    )
    return round((x - side * 5) / 20) * 20, round((y + side * 5) / 20) * 20


def test_a_cube_is_labelled_by_day_band_and_place(random_pixels: Make, write: Write) -> None:
    scene = write(random_pixels(1))
    found = read_cube(acquisitions([scene], 32735, LON), GRID, everywhere(GRID), ACCESS)
    cube = found.cube
    assert cube.dims == ("time", "band", "y", "x")
    assert cube.shape == (1, 11, SIDE, SIDE)
    assert cube.dtype == np.uint16
    assert cube["time"].values.astype("datetime64[D]").tolist() == [date(2022, 10, 15)]
    assert cube["band"].values.tolist() == [*BANDS, SCL]
    assert cube["x"].values[0] == LEFT + 5
    assert cube["y"].values[0] == TOP - 5
    assert cube.attrs == {"crs": "EPSG:32735"}


def test_10_m_is_read_as_it_is_and_20_m_is_repeated_2_by_2(
    random_pixels: Make, write: Write
) -> None:
    pixels = random_pixels(1)
    assert np.array_equal(
        read([write(pixels)])[0], np.where(whole(pixels)[-1] == 0, 0, whole(pixels))
    )


def test_without_acquisitions_the_cube_has_no_time_steps() -> None:
    found = read_cube([], GRID, everywhere(GRID), ACCESS)
    assert found.cube.shape == (0, 11, SIDE, SIDE)
    assert found.used == ()
    assert found.left_out == ()


@pytest.mark.parametrize("size", [7, 64, 200])
@pytest.mark.parametrize("epsg", [32735, 32736])
def test_reading_by_blocks_is_reading_at_once(
    size: int, epsg: int, random_pixels: Make, write: Write
) -> None:
    """Clear pixels are the same; where a block has none its bands' files stay closed."""
    left, top = (LEFT - 40, TOP + 60) if epsg == 32735 else other_zone()
    scene = write(random_pixels(2, epsg, left, top, 200))
    at_once = read([scene])
    by_blocks = np.zeros_like(at_once)
    for block in GRID.blocks(size, (LEFT - 40, TOP + 60)):
        rows, cols = block.slices
        by_blocks[:, :, rows, cols] = read([scene], GRID.window(block))
    clear = np.isin(at_once[:, -1], CLEAR_SCL)
    assert np.array_equal(by_blocks[:, -1], at_once[:, -1])
    assert np.array_equal(np.where(clear, by_blocks[:, 0], 0), np.where(clear, at_once[:, 0], 0))
    for band in range(len(BANDS)):
        assert np.array_equal(by_blocks[:, band][clear], at_once[:, band][clear])
        masked = by_blocks[:, band][~clear]
        assert ((masked == 0) | (masked == at_once[:, band][~clear])).all()


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(right=st.integers(-140, 140), down=st.integers(-140, 140), width=st.integers(1, 60))
def test_pixels_outside_the_tile_are_no_data(
    right: int, down: int, width: int, random_pixels: Make, write: Write
) -> None:
    """A grid need not share the 20 m lines: each pixel is the one that its centre lies in."""
    pixels = random_pixels(3)
    pixels.bands["SCL"][:] = 4
    scene = write(pixels)
    grid = Grid(32735, LEFT + 10 * right, TOP - 10 * down, width, 30)
    expected = np.zeros((11, 30, width), np.uint16)
    full = whole(pixels)
    for row in range(max(0, -down), min(30, SIDE - down)):
        for col in range(max(0, -right), min(width, SIDE - right)):
            expected[:, row, col] = full[:, row + down, col + right]
    assert np.array_equal(read([scene], grid)[0], expected)


@pytest.mark.parametrize("offset", [0, -1000])
def test_the_offset_is_applied_to_data_and_no_data_stays_0(
    offset: int, random_pixels: Make, write: Write
) -> None:
    pixels = random_pixels(4)
    pixels.bands["SCL"][:] = 5
    pixels.bands["B04"][:10] = 0
    pixels.bands["B04"][10:20] = 400
    values = read([write(pixels, offset=offset)])[0]
    assert np.array_equal(values, whole(pixels, offset))
    red = values[BANDS.index("B04")]
    assert (red[:10] == 0).all()
    assert (red[10:20] == (400 if offset == 0 else 1)).all()


def test_scenes_in_any_order_give_the_same_cube(random_pixels: Make, write: Write) -> None:
    day = datetime.fromisoformat("2022-10-15T07:55:00+00:00")
    left, top = other_zone()
    scenes = [
        write(random_pixels(1), "a", acquired=day),
        write(random_pixels(2), "b", acquired=day + timedelta(seconds=20)),
        write(random_pixels(3, 32736, left, top, 200), "c", acquired=day - timedelta(seconds=20)),
        write(random_pixels(4), "d", acquired=day + timedelta(days=5)),
        write(random_pixels(5), "e", acquired=day, platform="sentinel-2b"),
    ]
    expected = read(scenes)
    assert expected.shape[0] == 3
    for seed in range(3):
        shuffled = np.random.default_rng(seed).permutation(len(scenes))
        assert np.array_equal(read([scenes[i] for i in shuffled]), expected)


def test_what_one_satellite_saw_on_one_solar_day_is_one_acquisition(
    random_pixels: Make, write: Write
) -> None:
    pixels = random_pixels(1)
    late = datetime.fromisoformat("2022-10-15T22:30:00+00:00")
    first, again = write(pixels, "a"), write(pixels, "b")
    # half past ten in London is past midnight by the sun at 30 degrees east
    night = write(pixels, "c", acquired=late)
    found = acquisitions([again, night, first], 32735, LON)
    assert [(a.day, a.platform, [s.key for s in a.scenes]) for a in found] == [
        (date(2022, 10, 15), "sentinel-2a", ["a", "b"]),
        (date(2022, 10, 16), "sentinel-2a", ["c"]),
    ]


def test_the_grid_s_own_zone_goes_first_whatever_the_time(
    write: Write, random_pixels: Make
) -> None:
    early = datetime.fromisoformat("2022-10-15T07:00:00+00:00")
    native, other = write(random_pixels(1), "native"), write(random_pixels(2), "other")
    other = replace(other, epsg=32736, acquired=early)
    assert [s.key for s in acquisitions([other, native], 32735, LON)[0].scenes] == [
        *("native", "other")
    ]
    assert [s.key for s in acquisitions([other, native], 32736, LON)[0].scenes] == [
        *("other", "native")
    ]


def test_the_other_zone_s_copy_fills_only_what_the_native_tile_lacks(
    random_pixels: Make, write: Write
) -> None:
    own = random_pixels(1)
    left, top = other_zone()
    native = write(own, "native")
    other = write(random_pixels(2, 32736, left, top, 200), "other")
    both, alone, copy = read([native, other])[0], read([native])[0], read([other])[0]
    lacking = alone[-1] == 0
    assert lacking.any()
    assert np.array_equal(both[:, ~lacking], alone[:, ~lacking])
    clear = lacking & np.isin(copy[-1], CLEAR_SCL)
    assert np.array_equal(both[-1], np.where(lacking, copy[-1], alone[-1]))
    assert np.array_equal(both[:, clear], copy[:, clear])


def test_across_zones_a_pixel_is_the_one_that_its_centre_lies_in(
    random_pixels: Make, write: Write
) -> None:
    """Rasterio samples by points, and GDAL warps by its approximate transformer: 99 % agree with it."""
    left, top = other_zone()
    pixels = random_pixels(6, 32736, left, top, 200)
    pixels.bands["SCL"][:] = 4
    scene = write(pixels)
    values = read([scene])[0]
    x, y = (axis.ravel() for axis in np.meshgrid(*GRID.centres()))
    points = np.transpose(
        Transformer.from_crs(32735, 32736, always_xy=True).transform(x, y)
    ).tolist()
    for band in ("B02", "B11"):
        ours = values[FILES.index(band)]
        with rasterio.open(scene.files[band].href) as source:
            sampled = np.array([v[0] for v in source.sample(points)]).reshape(GRID.shape)
            assert np.array_equal(ours, sampled)
            warped = np.zeros(GRID.shape, np.uint16)
            reproject(
                rasterio.band(source, 1),
                warped,
                dst_transform=from_origin(LEFT, TOP, 10, 10),
                dst_crs=32735,
                resampling=Resampling.nearest,
            )
        assert (warped == ours).mean() >= 0.99


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were opened."""
    names: list[str] = []
    really = rasterio.open

    def _open(href: str | Path, *args: Any, **options: Any) -> Any:
        if not args:
            names.append(Path(href).stem)
        return really(href, *args, **options)

    monkeypatch.setattr(rasterio, "open", _open)
    return names


def test_where_nothing_is_clear_the_bands_stay_closed(
    random_pixels: Make, write: Write, opened: list[str]
) -> None:
    pixels = random_pixels(1)
    pixels.bands["SCL"][:] = 9
    scene = write(pixels, "cloudy")
    opened.clear()
    values = read([scene])[0]
    assert opened == ["cloudy-SCL"]
    assert (values[:-1] == 0).all()
    assert (values[-1] == 9).all()


def test_what_is_clear_outside_the_circle_does_not_open_the_bands(
    random_pixels: Make, write: Write, opened: list[str]
) -> None:
    pixels = random_pixels(1)
    pixels.bands["SCL"][:] = 9
    pixels.bands["SCL"][:5, :5] = 4
    scene = write(pixels, "corner")
    opened.clear()
    inside = everywhere(GRID)
    inside[:10, :10] = False
    read([scene], inside=inside)
    assert opened == ["corner-SCL"]
    read([scene])
    assert len(opened) == 1 + len(FILES)


def test_a_copy_is_not_opened_where_the_native_tile_lacks_nothing(
    random_pixels: Make, write: Write, opened: list[str]
) -> None:
    pixels = random_pixels(1)
    pixels.bands["SCL"][:] = 4
    left, top = other_zone()
    native = write(pixels, "native")
    other = write(random_pixels(2, 32736, left, top, 200), "other")
    opened.clear()
    read([other, native])
    assert len(opened) == len(FILES)
    assert not any(name.startswith("other") for name in opened)


def test_a_tile_that_does_not_reach_the_grid_is_not_opened(
    random_pixels: Make, write: Write, opened: list[str]
) -> None:
    scene = write(random_pixels(1, 32735, LEFT + 10_000, TOP))
    opened.clear()
    assert (read([scene]) == 0).all()
    assert opened == []


@pytest.mark.usefixtures("_no_wait")
@pytest.mark.parametrize("band", ["SCL", "B11"])
@pytest.mark.parametrize("damage", ["missing", "empty", "truncated"])
def test_a_scene_that_cannot_be_read_is_left_out_as_a_whole_with_its_reason(
    band: str, damage: str, random_pixels: Make, write: Write, opened: list[str]
) -> None:
    bad, good = write(random_pixels(1), "bad"), write(random_pixels(2), "good")
    path = Path(bad.files[band].href)
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: 0 if damage == "empty" else 600])
    expected = read([good])
    opened.clear()
    observed = acquisitions([bad, good], 32735, LON)
    found = read_cube(observed, GRID, everywhere(GRID), ACCESS)
    (left,) = found.left_out
    assert found.used == ("good",)
    assert left.key == "bad"
    assert left.reason.startswith(f"{path} cannot be read: ")
    assert opened.count(f"bad-{band}") == ATTEMPTS
    # the other scene of the same acquisition takes its place
    assert np.array_equal(found.cube.values, expected)


@pytest.mark.usefixtures("_no_wait")
def test_a_scene_whose_file_has_another_shape_is_left_out(
    random_pixels: Make, write: Write
) -> None:
    scene = write(random_pixels(1))
    files = {**scene.files, "SCL": replace(scene.files["SCL"], shape=(10, 10))}
    found = read_cube(
        acquisitions([replace(scene, files=files)], 32735, LON), GRID, everywhere(GRID), ACCESS
    )
    (left,) = found.left_out
    assert "has (60, 60) pixels, its item says (10, 10)" in left.reason
    assert found.used == ()
    assert (found.cube.values == 0).all()


@pytest.mark.parametrize("threads", [1, 8])
def test_the_number_of_threads_changes_nothing(
    threads: int, random_pixels: Make, write: Write
) -> None:
    day = datetime.fromisoformat("2022-10-15T07:55:00+00:00")
    scenes = [write(random_pixels(n), f"s{n}", acquired=day + timedelta(days=n)) for n in range(6)]
    observed = acquisitions(scenes, 32735, LON)
    found = read_cube(observed, GRID, everywhere(GRID), Access(threads=threads))
    assert np.array_equal(found.cube.values, read(scenes))
    assert found.used == tuple(scene.key for scene in scenes)


def test_scenes_that_give_no_pixel_are_not_named_as_used(random_pixels: Make, write: Write) -> None:
    full, empty = random_pixels(1), random_pixels(2)
    full.bands["SCL"][:] = 4
    empty.bands["SCL"][:] = 0
    day = datetime.fromisoformat("2022-10-20T07:55:00+00:00")
    scenes = [
        write(full, "a"),
        write(random_pixels(3), "covered-by-a"),
        write(empty, "empty", acquired=day),
        write(random_pixels(4, 32735, LEFT + 10_000, TOP), "elsewhere", acquired=day),
    ]
    found = read_cube(acquisitions(scenes, 32735, LON), GRID, everywhere(GRID), ACCESS)
    assert found.used == ("a",)
    assert found.left_out == ()


@given(offset=st.integers(-20_000, 0))
def test_harmonising_in_place_is_harmonising(offset: int) -> None:
    every = np.arange(65536, dtype=np.uint16)
    expected = harmonise(every, offset)
    _harmonise(every, offset)
    assert np.array_equal(every, expected)


@pytest.mark.usefixtures("_no_wait")
def test_of_several_broken_bands_the_first_is_told_however_long_it_takes(
    random_pixels: Make, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = write(random_pixels(1), "bad"), write(random_pixels(2), "good")
    really = access.read_window
    later_failed = threading.Event()

    def read_window(file: BandFile, window: tuple[slice, slice]) -> Any:
        if file == bad.files["B03"]:
            assert later_failed.wait(30)
            raise SceneUnreadable("B03 is slow to break.")
        if file == bad.files["B04"]:
            later_failed.set()
            raise SceneUnreadable("B04 breaks at once.")
        return really(file, window)

    expected = read([good])
    monkeypatch.setattr(cube_module, "read_window", read_window)
    found = read_cube(acquisitions([bad, good], 32735, LON), GRID, everywhere(GRID), ACCESS)
    assert [(s.key, s.reason) for s in found.left_out] == [("bad", "B03 is slow to break.")]
    assert np.array_equal(found.cube.values, expected)


def test_all_classifications_are_read_before_any_band(
    random_pixels: Make, write: Write, opened: list[str]
) -> None:
    day = datetime.fromisoformat("2022-10-15T07:55:00+00:00")
    scenes = [write(random_pixels(n), f"s{n}", acquired=day + timedelta(days=n)) for n in range(4)]
    opened.clear()
    read(scenes)
    names = [name.partition("-")[2] for name in opened]
    assert names[:4] == [SCL] * 4
    assert sorted(names[4:]) == sorted(list(BANDS) * 4)


@pytest.mark.parametrize(("scheme", "expected"), [("", LOCAL_THREADS), ("https://far/", 5)])
def test_many_windows_are_in_flight_over_a_network_and_few_of_a_disk_and_never_more(
    scheme: str,
    expected: int,
    random_pixels: Make,
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lock, full = threading.Lock(), threading.Event()
    now, most = 0, 0

    def read_window(_file: BandFile, window: tuple[slice, slice]) -> npt.NDArray[np.uint16]:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
            if now == expected:
                full.set()
        # one alone waits for the others, which proves that they come
        assert full.wait(30)
        with lock:
            now -= 1
        rows, cols = window
        return np.full((rows.stop - rows.start, cols.stop - cols.start), 4, np.uint16)

    monkeypatch.setattr(cube_module, "read_window", read_window)
    day = datetime.fromisoformat("2022-10-15T07:55:00+00:00")
    scene = write(random_pixels(1))
    files = {n: replace(f, href=scheme + f.href) for n, f in scene.files.items()}
    scenes = [replace(scene, files=files, acquired=day + timedelta(days=n)) for n in range(8)]
    found = read_cube(acquisitions(scenes, 32735, LON), GRID, everywhere(GRID), Access(threads=5))
    assert (found.cube.values == 4).all()
    assert most == expected
