import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geocrop_processes.features.bands import BANDS, BANDS_10M, harmonise, is_clear, reflectance


def test_ten_bands_of_which_four_have_10_m_pixels() -> None:
    assert len(set(BANDS)) == 10
    assert set(BANDS) > BANDS_10M


def test_land_water_shadowed_ground_and_unclassified_are_clear_and_all_else_is_masked() -> None:
    scl = np.arange(256, dtype=np.uint8)

    assert set(np.flatnonzero(is_clear(scl))) == {2, 4, 5, 6, 7}


@given(st.integers(1, 65535), st.sampled_from([0, -1000]))
def test_an_observation_stays_an_observation_whatever_its_offset(dn: int, offset: int) -> None:
    harmonised = harmonise(np.array([dn, 0], dtype=np.uint16), offset)

    assert harmonised.tolist() == [max(dn + offset, 1), 0]
    assert harmonised.dtype == np.uint16


def test_reflectance_is_a_ten_thousandth_of_the_number_clipped_and_nan_without_data() -> None:
    found = reflectance(np.array([0, 1, 2500, 16000, 16001, 65535], dtype=np.uint16))

    assert found[1:].tolist() == pytest.approx([1e-4, 0.25, 1.6, 1.6, 1.6])
    assert np.isnan(found[0])
