"""The simulator's plots against published curves, and against the definition of NDVI."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geocrop_processes.simulation import curves, plots
from geocrop_processes.simulation.crops import COVERS, INDEX, MONTH_MIDDLES
from geocrop_processes.simulation.plots import Plots
from geocrop_processes.simulation.spectra import NIR, RED
from geocrop_processes.simulation.weather import Weather

AVERAGE = Weather(onset=0.0, vigour=0.0, wetness=np.zeros(273))

# NDVI from September (or the month given) to May
PUBLISHED = [
    # smallholders' maize: fields of Mozambique 2021/22 (FAO and Digital Earth Africa), planted as in Zimbabwe
    ("maize_smallholder", 2, (0.23, 0.26, 0.44, 0.61, 0.63, 0.41, 0.32)),
    # savanna grass follows the rains
    ("grass_fallow", 0, (0.22, 0.22, 0.27, 0.36, 0.45, 0.52, 0.54, 0.48, 0.38)),
    # miombo flushes before the rains: 0.40 to 0.55 from September to October, 0.75 at its peak (Ryan 2017)
    ("miombo", 0, (0.42, 0.52, 0.60, 0.68, 0.73, 0.75, 0.74, 0.70, 0.60)),
]


def _plots(name: str, n: int = 800) -> Plots:
    rng = np.random.default_rng(7)
    return plots.draw(np.full(n, INDEX[name]), rng.dirichlet((3, 2, 0.5), n), AVERAGE, rng)


def _ndvi(spectra: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    nir, red = spectra[:, NIR].astype(float), spectra[:, RED].astype(float)
    ndvi: npt.NDArray[np.float64] = (nir - red) / (nir + red)
    return ndvi


def _months(name: str) -> npt.NDArray[np.float64]:
    drawn = _plots(name)
    days = [curves.reflectance(drawn, day, 0.2) for day in MONTH_MIDDLES]
    return np.array([np.median(_ndvi(spectra)) for spectra in days])


@pytest.mark.parametrize(("name", "first", "published"), PUBLISHED)
def test_median_curves_are_the_published_ones(
    name: str, first: int, published: tuple[float, ...]
) -> None:
    assert np.allclose(_months(name)[first:], published, atol=0.08)


@pytest.mark.parametrize(
    ("name", "month", "ndvi"),
    [("soybean", 5, 0.85), ("sorghum_millet", 5, 0.5), ("winter_wheat_then_maize", 0, 0.55)],
)
def test_crops_are_at_their_height_in_their_month(name: str, month: int, ndvi: float) -> None:
    assert _months(name)[month] == pytest.approx(ndvi, abs=0.06)


def test_wheat_is_harvested_before_the_summer_crop_is_sown() -> None:
    months = _months("winter_wheat_then_maize")
    assert months[0] > 0.5
    assert months[2] < 0.3
    assert months[5] > 0.7


def test_cut_cane_falls_and_recovers() -> None:
    drawn = _plots("sugarcane")
    cut = (drawn.event > 5) & (drawn.event < 60)
    assert cut.any()
    before = _ndvi(curves.reflectance(drawn, 1, 0))[cut]
    after = _ndvi(curves.reflectance(drawn, 61, 0))[cut]
    months_later = _ndvi(curves.reflectance(drawn, 160, 0))[cut]
    assert np.median(after) < np.median(before) - 0.1
    assert np.median(months_later) > 0.7


@given(
    cover=st.sampled_from([c.name for c in COVERS]),
    dos=st.floats(0, 272),
    wetness=st.floats(0, 1),
)
def test_reflectance_is_physical_and_canopies_meet_their_target(
    cover: str, dos: float, wetness: float
) -> None:
    drawn = _plots(cover, 60)
    spectra = curves.reflectance(drawn, dos, wetness)
    assert spectra.shape == (60, 10)
    assert spectra.dtype == np.float32
    assert (spectra > 0).all()
    assert (spectra < 0.7).all()
    target = curves.ndvi_target(drawn, dos)
    reached = _ndvi(spectra)
    # soil and weeds may be greener than the target; what is asked for beyond a full canopy cannot be met
    met = (reached >= target - 1e-4) | (target > 0.7)
    assert met.all()


def test_wet_soil_is_darker_most_of_all_in_the_short_wave_infrared() -> None:
    drawn = _plots("bare")
    ratio = curves.reflectance(drawn, 100, 1.0) / curves.reflectance(drawn, 100, 0.0)
    assert (ratio < 1).all()
    assert ratio[:, 8:].mean() < ratio[:, :8].mean() - 0.05


def test_patches_of_a_field_differ_by_five_per_cent() -> None:
    field = _plots("soybean", 1)
    patches = field.patches(np.zeros(4000, np.int64), np.arange(4000))
    assert patches.vigour.std() == pytest.approx(0.05, abs=0.005)
    again = field.patches(np.zeros(1, np.int64), np.array([17]))
    assert again.vigour[0] == patches.vigour[17]
    assert len(again) == 1
