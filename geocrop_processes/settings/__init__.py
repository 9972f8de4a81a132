"""What a deployment can set: environment variables `GEOCROP_*`, read once, frozen, passed down as values.

Nested names are joined by two underscores: `GEOCROP_CATALOG__URL`. `python -m geocrop_processes.settings`
prints docs/settings.md.
"""

import os
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Self

from pydantic import BaseModel, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from geocrop_processes.domain.aoi import Region
from geocrop_processes.errors import InvalidSetting
from geocrop_processes.features.compute import warm_up
from geocrop_processes.imagery.access import Access
from geocrop_processes.imagery.catalog import Catalog
from geocrop_processes.models import neighbours
from geocrop_processes.registry import Registry
from geocrop_processes.settings.objects import KeepSettings, ScratchSettings, StorageSettings
from geocrop_processes.settings.sections import (
    CacheSettings,
    CallbackSettings,
    CatalogSettings,
    CoverageSettings,
    ImagerySettings,
    MapSettings,
    PageSettings,
    RegionSettings,
    RegistrySettings,
    Section,
    ServiceSettings,
    UploadSettings,
)
from geocrop_processes.storage import MODELS, Storage

__all__ = [
    "CacheSettings",
    "CallbackSettings",
    "CatalogSettings",
    "CoverageSettings",
    "ImagerySettings",
    "KeepSettings",
    "MapSettings",
    "PageSettings",
    "RegionSettings",
    "RegistrySettings",
    "ScratchSettings",
    "ServiceSettings",
    "Settings",
    "StorageSettings",
    "UploadSettings",
    "variables",
]


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
    keep: KeepSettings = KeepSettings()
    scratch: ScratchSettings = ScratchSettings()
    pages: PageSettings = PageSettings()
    callbacks: CallbackSettings = CallbackSettings()
    coverage: CoverageSettings = CoverageSettings()

    @classmethod
    def read(cls) -> Self:
        """Read the environment.

        Raises:
            InvalidSetting: a value is unusable, or a variable's name unknown; the first is named.
        """
        for sentence in _unknown().values():
            raise InvalidSetting(sentence)
        try:
            return cls()
        except ValidationError as error:
            raise InvalidSetting(_told(error.errors()[0])) from error

    @classmethod
    def read_usable(cls) -> tuple[Self, list[str]]:
        """Read what of the environment can be used; and a sentence about each variable that cannot.

        Those are taken out of the process's environment, so that whatever is read later goes by the rest.
        """
        unknown = _unknown()
        wrong = [*unknown.values()]
        for name in unknown:
            del os.environ[name]
        while True:
            try:
                return cls(), wrong
            except ValidationError as error:
                for each in error.errors():
                    wrong.append(_told(each))
                    for name in [n for n in os.environ if n.upper().startswith(_name(each))]:
                        del os.environ[name]

    def reach_storage(self) -> Storage:
        """The object store as it is.

        Raises:
            InvalidSetting: its root or endpoint is not usable.
        """
        chosen = self.storage
        return Storage(
            chosen.root or str(self.data / "storage"),
            endpoint=chosen.endpoint,
            region=chosen.region,
            public_endpoint=chosen.public_endpoint,
            bucket_prefix=chosen.bucket_prefix,
            timeout_s=chosen.timeout_s,
            link_s=chosen.link_s if chosen.links == "presigned" else 0,
        )

    def open_storage(self) -> Storage:
        """The object store, its buckets made where they were missing."""
        storage = self.reach_storage()
        storage.ensure_buckets()
        return storage

    def store_url(self) -> str:
        """The job store's address, as SQLAlchemy has it."""
        return self.service.database or f"sqlite:///{self.data.absolute() / 'jobs.db'}"

    def open_registry(self, storage: Storage) -> Registry:
        """The model registry; new models' files go to the store's bucket."""
        uri = self.registry.uri or f"sqlite:///{self.data.absolute() / 'mlflow.db'}"
        return Registry(uri, storage.url(MODELS), storage)

    def open_catalog(self, url: str) -> Catalog:
        """The catalogue at an address, which is that of the settings or of the served simulation."""
        return Catalog(url, self.catalog.collection, self.catalog.timeout_s)

    def access(self) -> Access:
        """How scenes' files are opened."""
        return Access(**self.imagery.model_dump())

    def warm_up(self) -> None:
        """Compile the kernels of features and dissimilarity, or load those that are kept, before work is taken."""
        warm_up(self.cache.kernels or self.data.absolute() / "cache" / "kernels")
        neighbours.warm_up()

    def service_region(self) -> Region:
        """The region as a domain value."""
        return Region(**self.region.model_dump())


def _unknown() -> dict[str, str]:
    """A sentence about each variable of the environment that no setting is named by."""
    known = {name for _, name, _ in variables()}
    found = {}
    for name in sorted(os.environ):
        if name.upper().startswith("GEOCROP_") and name.upper() not in known:
            near = get_close_matches(name.upper(), known, 1)
            meant = f" {near[0]} may be meant;" if near else ""
            found[name] = f"There is no setting {name};{meant} docs/settings.md lists them all."
    return found


def _name(wrong: ErrorDetails) -> str:
    """The variable, or the beginning of those of a section, that cannot be used."""
    return "GEOCROP_" + "__".join(str(part).upper() for part in wrong["loc"])


def _told(wrong: ErrorDetails) -> str:
    """A sentence about a variable that cannot be used."""
    name = _name(wrong)
    # a secret is nobody's business, nor is one that is misspelt
    value = "" if "SECRET" in name or name.endswith("CALLBACKS") else f"={wrong['input']!r}"
    return f"{name}{value} is not usable: {wrong['msg']}."


def variables() -> Iterator[tuple[type[BaseModel], str, FieldInfo]]:
    """Every variable: the section that it belongs to, its name, its field."""
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, Section):
            section = type(field.default)
            for inner, inner_field in section.model_fields.items():
                yield section, f"GEOCROP_{name}__{inner}".upper(), inner_field
        else:
            yield Settings, f"GEOCROP_{name}".upper(), field
