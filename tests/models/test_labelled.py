from typing import Any

import numpy as np
import pytest

from geocrop_processes.errors import InvalidSample
from geocrop_processes.models.labelled import LabelledSamples


def samples(**others: Any) -> LabelledSamples:
    n = 6
    given: dict[str, Any] = {
        "features": np.arange(n * 3, dtype=np.float32).reshape(n, 3),
        "codes": np.array([1, 1, 4, 4, 9, 255]),
        "groups": np.arange(n),
        "x": np.arange(n) * 1000.0,
        "y": np.zeros(n),
        "lon": np.full(n, 31.0),
        "lat": np.full(n, -17.0),
        "seasons": np.full(n, 2021),
    }
    return LabelledSamples(**{**given, **others})


def test_some_of_them_are_the_same_rows_of_everything() -> None:
    rows = np.array([4, 0])
    found = samples().take(rows)
    assert len(found) == 2
    assert found.codes.tolist() == [9, 1]
    assert found.x.tolist() == [4000, 0]
    assert found.features[:, 0].tolist() == [12, 0]
    assert samples().take(samples().codes == 4).groups.tolist() == [2, 3]


def test_what_an_as_of_date_cuts_off_is_missing_in_all_samples() -> None:
    features = np.ones((6, 3), np.float32)
    features[:, 2] = np.nan
    assert np.isnan(samples(features=features).features[:, 2]).all()


def holed() -> Any:
    features = np.ones((6, 3), np.float32)
    features[1, 2] = np.nan
    return features


@pytest.mark.parametrize(
    ("others", "reason"),
    [
        ({"codes": np.zeros(0, np.int64)}, "no labelled sample"),
        ({"codes": np.array([0, 1, 1, 2, 2, 2])}, "from 1 to 255, not 0..2"),
        ({"codes": np.array([1, 1, 1, 2, 2, 256])}, "not 1..256"),
        ({"groups": np.arange(5)}, "do not fit together"),
        ({"features": np.ones(6, np.float32)}, "do not fit together"),
        ({"x": np.array([0, 1, 2, 3, 4, np.nan])}, "finite"),
        ({"features": holed()}, r"The features \[2\] are missing in some samples"),
    ],
)
def test_samples_that_do_not_fit_together_are_refused(others: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidSample, match=reason):
        samples(**others)
