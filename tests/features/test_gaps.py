import datetime as dt

import numpy as np
import pytest

from geocrop_processes.features.compute import compute_block
from geocrop_processes.features.plain import compute_plain


@pytest.mark.parametrize("holes", [0, 1, 6, 29, 255])
def test_pixels_between_holes_are_not_taken_for_neighbours(holes: int) -> None:
    """The last pixels of a block may span as much memory as a whole run of neighbours, and yet be none."""
    random = np.random.default_rng(holes)
    days = [dt.date(2022, 9, 1) + dt.timedelta(days=int(i * 6.7)) for i in range(40)]
    cube = random.integers(1, 9000, (40, 11, 16, 16)).astype(np.uint16)
    cube[:, -1] = random.choice([4, 9], (40, 16, 16))
    inside = np.ones((16, 16), np.bool_)
    inside.ravel()[random.choice(np.arange(1, 255), min(holes, 254), replace=False)] = False
    found = compute_block(cube, inside, days)
    plain = compute_plain(cube[:, :-1][:, :, inside], cube[:, -1][:, inside].astype(np.uint8), days)
    assert np.array_equal(found.values, plain.values, equal_nan=True)
    assert np.array_equal(found.n_valid, plain.n_valid)
    assert np.array_equal(found.max_gap_days, plain.max_gap_days)
