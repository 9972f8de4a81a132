"""The 51 features of a block: ours against what a scientist would write, on the same cube, in turns.

The cube is a season of 40 dates, ten bands and SCL, simulated: fields that green and dry, with noise, under
clouds of some hundred metres. Ours is `compute_block` with one and with two threads. The others are
`naive_features`: with NumPy and xarray alone, with numbagg where it has the function, and with the quicker of
both in each step. They are linear in the pixels, and so are measured on 128 x 128, ours beside them on the
same; all seconds are given for a million pixels (1024 x 1024). One read of the cube (its sum) says what memory
alone costs. Compiling is done before.

How exact ours is stands below: against the plain twin to the last bit, and against the naive ones, which are
float32, to 0.1 %.
"""

import datetime as dt
import warnings
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import xarray as xr

from benchmarks.measure import Cost, Figure, show, side_by_side
from benchmarks.naive_features import BANDS, NUMBAGG, PLAIN, QUICKEST, Steps, naive_features
from geocrop_processes.features.compute import compute_block, warm_up
from geocrop_processes.features.plain import compute_plain

SIDE, NAIVE_SIDE = 1024, 128
"""Pixels along a block's side: ours, and where the naive ones are compared."""
DATES = 40
MEGAPIXEL = 1024 * 1024

type Block = npt.NDArray[np.uint16]


def dates() -> list[dt.date]:
    """Forty dates, evenly over the season."""
    days = np.linspace(1, 271, DATES).astype(int)
    return [dt.date(2022, 9, 1) + dt.timedelta(days=int(day)) for day in days]


def block(side: int, seed: int = 0) -> Block:
    """A cube (time, 11, side, side) of fields under clouds."""
    random = np.random.default_rng(seed)
    soil = np.array([790, 1130, 1580, 1850, 2010, 2180, 2210, 2250, 3420, 2790])
    plants = np.array([330, 580, 300, 880, 3540, 4670, 4970, 4880, 1730, 810])
    fields = _patches(random, side, 16)
    start, vigour = 40 + 90 * fields, 0.5 + 0.5 * _patches(random, side, 16)
    cube = np.empty((DATES, 11, side, side), np.uint16)
    for step, date in enumerate(dates()):
        day = (date - dt.date(2022, 9, 1)).days
        green = vigour * np.exp(-(((day - start - 70) / 40) ** 2))
        for band in range(10):
            clean = soil[band] + (plants[band] - soil[band]) * green
            cube[step, band] = clean * random.normal(1.0, 0.025, clean.shape)
        cloudy = _patches(random, side, 32) < 0.5
        cube[step, 10] = np.where(cloudy, 9, np.where(green > 0.3, 4, 5))
    return cube


def _patches(random: np.random.Generator, side: int, size: int) -> npt.NDArray[np.floating]:
    """Squares of `size` pixels, each of one number from 0 to 1 (side, side)."""
    coarse = random.random((-(-side // size),) * 2)
    return np.kron(coarse, np.ones((size, size)))[:side, :side]


def as_xarray(cube: Block) -> xr.DataArray:
    """What the naive ones take."""
    return xr.DataArray(
        cube,
        dims=("time", "band", "y", "x"),
        coords={"time": np.array(dates(), "datetime64[ns]"), "band": [*BANDS, "SCL"]},
    )


def _ours(cube: Block, threads: int) -> Callable[[], object]:
    inside, days = np.ones(cube.shape[2:], np.bool_), dates()
    return lambda: compute_block(cube, inside, days, threads)


def _naive(cube: Block, steps: Steps) -> Callable[[], object]:
    array = as_xarray(cube)

    def run() -> object:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # NumPy warns of dekads without a view
            return naive_features(array, steps)

    return run


def figures() -> list[Figure]:
    """All figures; seconds of a million pixels."""
    warm_up()
    part = block(NAIVE_SIDE)
    whole = np.tile(part, (1, 1, SIDE // NAIVE_SIDE, SIDE // NAIVE_SIDE))
    _naive(part, NUMBAGG)()  # numbagg compiles, too
    large = side_by_side(
        {"one": _ours(whole, 1), "two": _ours(whole, 2), "read": lambda: whole.sum(dtype=np.uint64)}
    )
    small = side_by_side(
        {
            "one": _ours(part, 1),
            "two": _ours(part, 2),
            "xarray": _naive(part, PLAIN),
            "numbagg": _naive(part, NUMBAGG),
            "quickest": _naive(part, QUICKEST),
        },
        repetitions=3,
    )
    found: list[Figure] = []
    for name, against, goal in (
        ("xarray", "NumPy and xarray", 60.0),
        ("numbagg", "xarray with numbagg", 25.0),
        ("quickest", "the quicker of both, step by step", 25.0),
    ):
        for threads in ("one", "two"):
            label = f"features, {threads} thread{'s' * (threads == 'two')}"
            ours, other = (_of_megapixel(small[n], NAIVE_SIDE) for n in (threads, name))
            found += _both(label, ours, other, against, goal)
    found += _both(
        "features, one thread, 1024 x 1024", large["one"], large["read"], "one read", None
    )
    found += _both("features, two threads", large["two"], large["one"], "one thread", None)
    return found + _exactness(part)


def _of_megapixel(cost: Cost, side: int) -> Cost:
    factor = MEGAPIXEL / side**2
    return Cost(cost.wall_s * factor, cost.cpu_s * factor)


def _both(name: str, ours: Cost, other: Cost, against: str, goal: float | None) -> list[Figure]:
    """Wall and processor seconds."""
    return [
        Figure(name, ours.wall_s, other.wall_s, "s", goal, against),
        Figure(name, ours.cpu_s, other.cpu_s, "cpu-s", goal, against),
    ]


def _exactness(cube: Block) -> list[Figure]:
    """How ours differ from the plain twin's, and from the naive ones."""
    ours = compute_block(cube, np.ones(cube.shape[2:], np.bool_), dates()).values
    flat = cube.reshape(DATES, 11, -1)
    plain = compute_plain(flat[:, :10], flat[:, 10].astype(np.uint8), dates()).values
    naive = naive_features(as_xarray(cube), NUMBAGG).values.reshape(ours.shape)
    largest = float(np.nanmax(np.abs(ours.astype(np.float64) - plain)))
    unlike = np.count_nonzero((ours != plain) & ~(np.isnan(ours) & np.isnan(plain)))
    far = np.count_nonzero(~np.isclose(ours, naive, rtol=1e-3, atol=1e-4, equal_nan=True))
    return [
        Figure("largest difference", largest, 1e-5, "1", 1, "plain twin: allowed"),
        Figure("values that differ in a bit", float(unlike), 0, "values", 1, "plain twin: allowed"),
        Figure(
            "values that differ by 0.1 %",
            float(far),
            ours.size,
            "values",
            None,
            "xarray: all values",
        ),
    ]


if __name__ == "__main__":
    show(figures())
