"""What a deployment can set: environment variables `GEOCROP_*`, read once, frozen, passed down as values.

Nested names are joined by two underscores: `GEOCROP_CATALOG__URL`. `python -m geocrop_processes.settings`
prints docs/settings.md.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from geocrop_processes.domain.aoi import Region
from geocrop_processes.errors import InvalidSetting
from geocrop_processes.features.compute import warm_up
from geocrop_processes.imagery.access import Access
from geocrop_processes.imagery.catalog import Catalog
from geocrop_processes.registry import Registry
from geocrop_processes.simulation.demonstration import ARCHIVE, MODEL
from geocrop_processes.storage import MODELS, Storage


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CatalogSettings(_Section):
    """Where scenes are searched."""

    url: str = Field(
        "https://explorer.digitalearth.africa/stac",
        description="Address of a STAC API with Sentinel-2 L2A in Digital Earth Africa's layouts, or "
        f"`{ARCHIVE}` for the simulated archive, which is served while it is needed.",
    )
    collection: Literal["s2_l2a", "s2_l2a_c1"] = Field(
        "s2_l2a", description="The collection; the simulated archive is built in its layout."
    )
    timeout_s: float = Field(30.0, gt=0, le=600, description="Seconds until a request is given up.")


class ImagerySettings(_Section):
    """How pixels are read."""

    s3_endpoint: str | None = Field(
        None,
        description="Host of the S3 server of `s3://` assets (unsigned access); AWS of the region where none is given.",
    )
    s3_region: str = Field("af-south-1", description="Its region.")
    timeout_s: float = Field(
        30.0,
        gt=0,
        le=600,
        description="Seconds until a try of a read is given up; there are three.",
    )
    threads: int = Field(
        32,
        ge=1,
        le=128,
        description="Files read at once over the network; of a disk two are, whose decoding is what takes time.",
    )


class StorageSettings(_Section):
    """Where products and models are kept."""

    root: str | None = Field(
        None,
        description="A folder, or `s3://` for buckets; the folder `storage` of the data folder by default.",
    )
    endpoint: str | None = Field(
        None, description="Address of the S3 server; AWS where none is given."
    )
    region: str | None = Field(None, description="Its region.")


class RegistrySettings(_Section):
    """Where models are registered."""

    uri: str | None = Field(
        None, description="MLflow's address; `mlflow.db` (SQLite) in the data folder by default."
    )


class RegionSettings(_Section):
    """The part of the Earth that is mapped: its name and sides in degrees."""

    name: str = Field("Zimbabwe", description="What people call it.")
    west: float = Field(25.2, description="Western side.")
    south: float = Field(-22.5, description="Southern side.")
    east: float = Field(33.1, description="Eastern side.")
    north: float = Field(-15.6, description="Northern side.")


class MapSettings(_Section):
    """How maps are made."""

    model: str = Field(MODEL, description="The model where none is asked for.")
    max_radius_m: float = Field(
        25_000.0, ge=100, description="The largest radius of an AOI in metres."
    )
    block_px: int = Field(512, ge=16, le=4096, description="The side of a block in pixels.")
    threads: int = Field(2, ge=1, le=128, description="Blocks computed at once.")
    min_acquisitions: int = Field(
        6, ge=1, description="Fewer readable acquisitions than this are too few for a map."
    )


class CacheSettings(_Section):
    """What is kept to be quick the next time."""

    features: bool = Field(
        default=False,
        description="Whether the features of each block are kept in the object store (`features/` in the bucket "
        "of datasets, 200 bytes a pixel): a map of the same place and season by another model then reads nothing.",
    )
    kernels: Path | None = Field(
        None,
        description="Where compiled kernels are kept; `cache/kernels` in the data folder by default. They are of "
        "one kind of processor.",
    )


class ServiceSettings(_Section):
    """How the service is run."""

    host: str = Field("127.0.0.1", description="The address that it listens on.")
    port: int = Field(8000, ge=0, le=65535, description="The port; 0 takes a free one.")
    url: str | None = Field(
        None,
        description="The address that clients see, such as `https://api.example.org`; else that of host and port.",
    )
    database: str | None = Field(
        None,
        description="SQLAlchemy's address of the job store; `jobs.db` (SQLite) in the data folder by default.",
    )
    broker: str | None = Field(
        None,
        description="Celery's broker, `redis://...`; `geocrop serve` starts a private one where none is given.",
    )
    workers: int = Field(
        2, ge=1, le=128, description="Worker processes that `geocrop serve` starts."
    )
    lease_s: float = Field(
        15.0, gt=0, le=3600, description="Seconds until a step whose worker is silent is due again."
    )
    attempts: int = Field(
        4, ge=1, le=20, description="How often a step is tried before its job fails."
    )
    republish_s: float = Field(
        2.0, gt=0, le=600, description="Seconds between two looks for steps that are due."
    )
    pygeoapi_config: Path | None = Field(
        None,
        description="pygeoapi's configuration; the one that comes with GeoCrop where none is given.",
    )
    max_jobs_listed: int = Field(
        1000, ge=1, description="The most jobs that one page of the list holds."
    )


class UploadSettings(_Section):
    """What clients may bring: labels and tables, by value or by reference."""

    hosts: str = Field(
        "",
        description="Hosts that files may be fetched from over https, separated by commas, such as "
        "`data.example.org,files.example.org:8443`; none where it is empty. A host of a private address is never asked.",
    )
    max_bytes: int = Field(
        16 << 20, ge=1024, le=1 << 30, description="The most bytes of a file that is brought."
    )
    timeout_s: float = Field(
        60.0, gt=0, le=600, description="Seconds until a file that is fetched must have come whole."
    )
    keep_s: float = Field(
        86_400.0,
        ge=60,
        description="Seconds that what was brought is kept at least, though no job needs it any more.",
    )


class Settings(BaseSettings):
    """Every setting of a deployment."""

    model_config = SettingsConfigDict(
        env_prefix="GEOCROP_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
    )

    data: Path = Field(
        Path(".geocrop"), description="The folder of everything that is kept locally."
    )
    catalog: CatalogSettings = CatalogSettings()
    imagery: ImagerySettings = ImagerySettings()
    storage: StorageSettings = StorageSettings()
    registry: RegistrySettings = RegistrySettings()
    region: RegionSettings = RegionSettings()
    map: MapSettings = MapSettings()
    cache: CacheSettings = CacheSettings()
    service: ServiceSettings = ServiceSettings()
    uploads: UploadSettings = UploadSettings()

    @classmethod
    def read(cls) -> Self:
        """Read the environment.

        Raises:
            InvalidSetting: a value is unusable, or a variable's name unknown; the first is named.
        """
        known = {name for _, name, _ in variables()}
        unknown = sorted(
            name
            for name in os.environ
            if name.upper().startswith("GEOCROP_") and name.upper() not in known
        )
        if unknown:
            raise InvalidSetting(
                f"There is no setting {unknown[0]}; docs/settings.md lists them all."
            )
        try:
            return cls()
        except ValidationError as error:
            first = error.errors()[0]
            name = "GEOCROP_" + "__".join(str(part).upper() for part in first["loc"])
            raise InvalidSetting(
                f"{name}={first['input']!r} is not usable: {first['msg']}."
            ) from error

    def open_storage(self) -> Storage:
        """The object store, its buckets made where they were missing."""
        root = self.storage.root or str(self.data / "storage")
        storage = Storage(root, endpoint=self.storage.endpoint, region=self.storage.region)
        storage.ensure_buckets()
        return storage

    def open_registry(self, storage: Storage) -> Registry:
        """The model registry; new models' files go to the store's bucket."""
        uri = self.registry.uri or f"sqlite:///{self.data.absolute() / 'mlflow.db'}"
        return Registry(
            uri,
            storage.url(MODELS),
            endpoint=self.storage.endpoint,
            region=self.storage.region,
        )

    def open_catalog(self, url: str) -> Catalog:
        """The catalogue at an address, which is that of the settings or of the served simulation."""
        return Catalog(url, self.catalog.collection, self.catalog.timeout_s)

    def access(self) -> Access:
        """How scenes' files are opened."""
        return Access(**self.imagery.model_dump())

    def warm_up(self) -> None:
        """Compile the kernels of the features, or load those that are kept, before work is taken."""
        warm_up(self.cache.kernels or self.data.absolute() / "cache" / "kernels")

    def service_region(self) -> Region:
        """The region as a domain value."""
        return Region(**self.region.model_dump())


def variables() -> Iterator[tuple[type[BaseModel], str, FieldInfo]]:
    """Every variable: the section that it belongs to, its name, its field."""
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, _Section):
            section = type(field.default)
            for inner, inner_field in section.model_fields.items():
                yield section, f"GEOCROP_{name}__{inner}".upper(), inner_field
        else:
            yield Settings, f"GEOCROP_{name}".upper(), field


def _page() -> Iterator[str]:
    """The lines of docs/settings.md."""
    yield "# Settings"
    yield ""
    yield "Environment variables, read when a command starts. A name that is not listed here, or a value that"
    yield "cannot be used, is refused; an empty value counts as not set. This page is generated: `make docs`."
    last: type[BaseModel] | None = None
    for section, name, field in variables():
        if section is not last:
            title = "General" if section is Settings else str(section.__doc__).rstrip(".")
            yield from ("", f"## {title}", "")
            yield "| Variable | Type | Default | Meaning |"
            yield "|---|---|---|---|"
            last = section
        default = "" if field.default is None else f"`{field.default}`"
        yield f"| `{name}` | {_kind(field)} | {default} | {field.description} |"


def _kind(field: FieldInfo) -> str:
    """The type and bounds of a variable in words for people."""
    words = {Path: "folder", int: "whole number", float: "number"}
    signs = {"gt": "above ", "ge": "at least ", "le": "at most "}
    bounds = [
        f"{sign}{getattr(bound, attribute):g}"
        for bound in field.metadata
        for attribute, sign in signs.items()
        if hasattr(bound, attribute)
    ]
    kinds = [word for kind, word in words.items() if kind is field.annotation] or ["text"]
    return ", ".join([*kinds, *bounds])


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in _page())
