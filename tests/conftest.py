"""What holds for every test."""

from pathlib import Path

import hypothesis
import pytest
from hypothesis.configuration import set_hypothesis_home_dir

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"

# the same examples each time, nothing written outside the working folder
set_hypothesis_home_dir(ROOT / ".geocrop" / "cache" / "hypothesis")
hypothesis.settings.register_profile(
    "geocrop", database=None, deadline=None, derandomize=True, max_examples=30
)
hypothesis.settings.load_profile("geocrop")


@pytest.fixture(autouse=True)
def _no_settings_of_the_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests see the defaults, whatever the shell that runs them has set."""
    for name in ("GEOCROP_DATA", "GEOCROP_CATALOG__URL", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    # GDAL's web map drivers would keep tiles in the folder where they are run
    monkeypatch.setenv("GDAL_DEFAULT_WMS_CACHE_PATH", str(ROOT / ".geocrop" / "cache" / "wms"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real data beside the checkout; a test that needs it is skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the real data of {SHARED.name}/ beside the checkout, which is absent")
    return SHARED
