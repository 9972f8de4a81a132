from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geocrop_processes.features.bands import BANDS
from geocrop_processes.features.indices import INDICES

VALUE = st.floats(1e-4, 1.6)
PIXEL = st.fixed_dictionaries(dict.fromkeys(BANDS, VALUE))
PLANT = dict(
    zip(BANDS, (0.033, 0.067, 0.041, 0.111, 0.298, 0.352, 0.355, 0.38, 0.203, 0.109), strict=True)
)

ORACLE: dict[str, Callable[[dict[str, float]], float]] = {
    "ndvi": lambda b: (b["B08"] - b["B04"]) / (b["B08"] + b["B04"]),
    "ndre": lambda b: (b["B8A"] - b["B05"]) / (b["B8A"] + b["B05"]),
    "lswi": lambda b: (b["B8A"] - b["B11"]) / (b["B8A"] + b["B11"]),
    "evi": lambda b: 2.5 * (b["B08"] - b["B04"]) / (b["B08"] + 6 * b["B04"] - 7.5 * b["B02"] + 1),
    "gcvi": lambda b: b["B08"] / b["B03"] - 1,
    "psri": lambda b: (b["B04"] - b["B02"]) / b["B06"],
    "bsi": lambda b: (
        ((b["B11"] + b["B04"]) - (b["B08"] + b["B02"]))
        / ((b["B11"] + b["B04"]) + (b["B08"] + b["B02"]))
    ),
    "ndti": lambda b: (b["B11"] - b["B12"]) / (b["B11"] + b["B12"]),
    "mndwi": lambda b: (b["B03"] - b["B11"]) / (b["B03"] + b["B11"]),
}


def index(name: str, pixel: dict[str, float]) -> float:
    return INDICES[name].of({band: np.array([value]) for band, value in pixel.items()}).item()


@pytest.mark.parametrize("name", INDICES)
@given(pixel=PIXEL)
def test_every_index_stays_in_its_range_whatever_the_reflectance(
    name: str, pixel: dict[str, float]
) -> None:
    assert INDICES[name].lowest <= index(name, pixel) <= INDICES[name].highest


@pytest.mark.parametrize("name", INDICES)
def test_an_index_of_a_green_crop_is_what_its_formula_says(name: str) -> None:
    assert index(name, PLANT) == pytest.approx(ORACLE[name](PLANT), abs=1e-12)


@pytest.mark.parametrize(
    ("name", "changed", "value"),
    [
        ("ndvi", {"B08": 0.0, "B04": 0.0}, 0.0),
        ("evi", {"B08": 0.5, "B04": 0.0, "B02": 0.2}, 0.0),  # 0.5 + 0 - 1.5 + 1
        ("evi", {"B08": 1.6, "B04": 1e-4, "B02": 0.34}, 2.0),
        ("gcvi", {"B08": 0.1, "B03": 1e-4}, 19.0),  # B03 counts as 0.005 at least
        ("gcvi", {"B08": 1.0, "B03": 1e-4}, 20.0),
        ("psri", {"B04": 0.015, "B02": 0.005, "B06": 1e-4}, 1.0),  # B06 counts as 0.01 at least
        ("psri", {"B04": 1.6, "B02": 1e-4, "B06": 1e-4}, 2.0),
    ],
)
def test_small_denominators_are_tamed(name: str, changed: dict[str, float], value: float) -> None:
    assert index(name, {**PLANT, **changed}) == pytest.approx(value, abs=1e-12)
