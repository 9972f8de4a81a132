"""Cubes of observations for the tests of the features."""

import datetime as dt
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

type Cube = tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint8], list[dt.date]]


def random_cube(seed: int, steps: int, pixels: int) -> Cube:
    """Observations on random days, half of them masked; some pixels are seen never, some once, some always."""
    random = np.random.default_rng(seed)
    dn = random.integers(1, 7000, (steps, 10, pixels), dtype=np.uint16)
    dn[random.random(dn.shape) < 0.002] = 0
    dn[random.random(dn.shape) < 0.002] = 65535
    scl = random.choice(np.array([0, 3, 4, 4, 5, 5, 7, 8, 9, 11], dtype=np.uint8), (steps, pixels))
    scl[:, ::17] = 9
    scl[:1, 5::17] = 4
    scl[:, 9::17] = 4
    days = random.integers(0, 273, steps)
    return dn, scl, [dt.date(2022, 9, 1) + dt.timedelta(days=int(day)) for day in days]


@pytest.fixture(name="random_cube", scope="session")
def random_cube_fixture() -> Callable[[int, int, int], Cube]:
    return random_cube
