from pathlib import Path

import pytest
from pydantic import ValidationError

from geocrop_processes import settings as settings_module
from geocrop_processes.domain.aoi import Aoi, Region
from geocrop_processes.errors import InvalidSetting
from geocrop_processes.imagery.access import Access
from geocrop_processes.imagery.catalog import Catalog
from geocrop_processes.settings import CacheSettings, Settings, variables
from geocrop_processes.storage import MODELS

# MLflow 3.17 asks SQLAlchemy 2.1 for a loader strategy that is going away
pytestmark = pytest.mark.filterwarnings(
    "ignore:The ``noload`` loader strategy is deprecated:sqlalchemy.exc.SADeprecationWarning"
)


def test_the_defaults_make_a_deployment_for_zimbabwe() -> None:
    settings = Settings.read()
    assert settings.data == Path(".geocrop")
    assert settings.open_catalog(settings.catalog.url) == Catalog(
        "https://explorer.digitalearth.africa/stac", "s2_l2a", 30.0
    )
    assert settings.access() == Access(None, "af-south-1", 30.0, 32)
    assert settings.service_region() == Region("Zimbabwe", 25.2, -22.5, 33.1, -15.6)
    Aoi(31.05, -17.83, 1000).check(settings.service_region(), settings.map.max_radius_m)


def test_the_environment_overrides_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEOCROP_DATA", "/srv/geocrop")
    monkeypatch.setenv("GEOCROP_CATALOG__URL", "http://127.0.0.1:8000/")
    monkeypatch.setenv("GEOCROP_MAP__THREADS", "3")
    settings = Settings.read()
    assert settings.data == Path("/srv/geocrop")
    assert settings.catalog.url == "http://127.0.0.1:8000/"
    assert settings.catalog.collection == "s2_l2a"
    assert settings.map.threads == 3


def test_an_empty_value_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEOCROP_STORAGE__ROOT", "")
    monkeypatch.setenv("GEOCROP_MAP__THREADS", "")
    settings = Settings.read()
    assert settings.storage.root is None
    assert settings.map.threads == 2


@pytest.mark.parametrize(
    "name",
    [
        "GEOCROP_DATUM",
        "geocrop_datum",
        "GEOCROP_CATALOG",
        "GEOCROP_CATALOG__ADDRESS",
        "GEOCROP_CATALOG_URL",
        "GEOCROP_CATALOG__URL__HOST",
        "GEOCROP_DATA__X",
    ],
)
def test_a_variable_that_is_no_setting_is_refused_by_name(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(InvalidSetting, match=rf"There is no setting {name}; .*docs/settings\.md"):
        Settings.read()


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("GEOCROP_CATALOG__TIMEOUT_S", "soon", "should be a valid number"),
        ("GEOCROP_CATALOG__TIMEOUT_S", "0", "should be greater than 0"),
        ("GEOCROP_IMAGERY__TIMEOUT_S", "601", "less than or equal to 600"),
        ("GEOCROP_IMAGERY__THREADS", "0", "greater than or equal to 1"),
        ("GEOCROP_MAP__BLOCK_PX", "512.5", "should be a valid integer"),
        ("GEOCROP_MAP__MAX_RADIUS_M", "inf", "should be a finite number"),
        ("GEOCROP_REGION__WEST", "nan", "should be a finite number"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_with_the_variable_s_name(
    name: str, value: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSetting) as caught:
        Settings.read()
    assert str(caught.value).startswith(f"{name}={value!r} is not usable: ")
    assert reason in str(caught.value)


def test_settings_do_not_change() -> None:
    settings = Settings.read()
    with pytest.raises(ValidationError, match="frozen"):
        settings.data = Path("elsewhere")  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        settings.map.threads = 9  # type: ignore[misc]


def test_every_variable_is_described() -> None:
    names = [name for _, name, _ in variables()]
    assert len(set(names)) == len(names)
    for _, name, field in variables():
        assert (field.description or "").endswith("."), name


def test_the_storage_is_a_folder_of_the_data_folder_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEOCROP_DATA", str(tmp_path))
    assert Settings.read().open_storage().url(MODELS) == str(tmp_path / "storage" / MODELS)
    assert (tmp_path / "storage" / MODELS).is_dir()
    monkeypatch.setenv("GEOCROP_STORAGE__ROOT", str(tmp_path / "other"))
    assert Settings.read().open_storage().url(MODELS) == str(tmp_path / "other" / MODELS)


def test_the_registry_is_a_file_of_the_data_folder_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEOCROP_DATA", str(tmp_path))
    settings = Settings.read()
    assert settings.open_registry(settings.open_storage()).list() == []
    assert (tmp_path / "mlflow.db").exists()
    monkeypatch.setenv("GEOCROP_REGISTRY__URI", f"sqlite:///{tmp_path / 'other' / 'models.db'}")
    settings = Settings.read()
    assert settings.open_registry(settings.open_storage()).list() == []
    assert (tmp_path / "other" / "models.db").exists()


def test_kernels_are_kept_in_the_data_folder_unless_another_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folders: list[Path] = []
    monkeypatch.setattr(settings_module, "warm_up", folders.append)
    Settings(data=tmp_path).warm_up()
    Settings(data=tmp_path, cache=CacheSettings(kernels=Path("elsewhere"))).warm_up()
    assert folders == [tmp_path / "cache" / "kernels", Path("elsewhere")]


@pytest.mark.parametrize(
    "hosts", ["https://data.example.org", "data.example.org/files", "*", "a b;c"]
)
def test_hosts_of_uploads_are_names_and_no_addresses(
    hosts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEOCROP_UPLOADS__HOSTS", hosts)
    with pytest.raises(InvalidSetting, match="GEOCROP_UPLOADS__HOSTS"):
        Settings.read()


def test_several_hosts_of_uploads_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEOCROP_UPLOADS__HOSTS", "data.example.org, files.example.org:8443")
    assert Settings.read().uploads.hosts.count(",") == 1
