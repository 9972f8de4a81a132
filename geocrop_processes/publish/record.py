"""Everything that is known of one map when its pixels are written."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.grid import Grid
from geocrop_processes.domain.legend import Legend
from geocrop_processes.domain.season import Season
from geocrop_processes.models.card import ModelCard
from geocrop_processes.publish.comparison import Comparison
from geocrop_processes.publish.tally import Tally

SIMULATED_NOTICE = (
    "Simulated data: made from simulated imagery or with a model trained on it. "
    "It says nothing about real fields."
)
"""What every product that is not wholly real says of itself."""


@dataclass(frozen=True)
class SourceScene:
    """A scene that the map was made from."""

    title: str
    """The product's name, such as `S2A_36KTF_20230112_0_L2A`."""
    collection: str
    """The catalogue's collection."""
    datetime: datetime
    """The acquisition, UTC."""
    href: str | None
    """The address of its STAC item; None where the catalogue gives none."""


@dataclass(frozen=True)
class LeftOutScene:
    """A scene that was found and not used."""

    title: str
    """The product's name."""
    reason: str
    """Why, in a phrase for people."""


@dataclass(frozen=True)
class BaselineUse:
    """The land-cover baseline that a map was compared with, and perhaps masked by."""

    kind: str
    """Which composite it is, such as `agreement`."""
    files: Mapping[str, str]
    """The version (SHA-256 or ETag) of each of its files, by key in the bucket of baselines."""
    masked: bool
    """Whether crops that it does not show were taken off the map."""
    comparison: Comparison
    """Counts of both, before any mask."""


@dataclass(frozen=True)
class MapRecord:
    """Where a map comes from, how it was made, and what was counted on it."""

    job_id: str
    """The job; also the STAC item's id."""
    aoi: Aoi
    """The circle that was mapped."""
    season: Season
    """The season that was mapped."""
    grid: Grid
    """The pixels of all its rasters."""
    card: ModelCard
    """The model."""
    model_version: str
    """The model's version in the registry."""
    member_checksums: Mapping[str, str]
    """The SHA-256 of each of the model's files, hexadecimal, by name."""
    catalog_url: str
    """The STAC API that the scenes were found in."""
    scenes: tuple[SourceScene, ...]
    """Used, in the order of their dates."""
    left_out: tuple[LeftOutScene, ...]
    """Found and not used."""
    digest: str
    """The digest of the request: complete products of the same digest have the same pixels."""
    simulated: bool
    """Whether the imagery is simulated."""
    created: datetime
    """When the product was made, UTC."""
    software: Mapping[str, str]
    """Versions of what made it, by name."""
    tally: Tally
    """Counts of its pixels."""
    baseline: BaselineUse | None = None
    """What it was compared with; None where there is no baseline of the season and place."""

    complete: bool = True
    """Whether every scene could be read; another try may give other pixels where one could not."""
    blocks: int = 1
    """How many blocks the grid has."""
    missing_blocks: tuple[str, ...] = ()
    """Those that were not mapped since the job's time was over; they are no data."""
    engines: tuple[str, ...] = ()
    """What evaluated the forests; a library's own predict with the reason why nothing faster did."""
    applicability_threshold: float | None = None
    """The model's threshold of the dissimilarity index; None of a model without an area of applicability."""

    @property
    def masked(self) -> bool:
        """Whether crops that a baseline does not show were taken off the map."""
        return self.baseline is not None and self.baseline.masked

    @property
    def legend(self) -> Legend:
        """The classes of the map: those of the model, and of a masked map one more."""
        return self.card.legend.masked() if self.masked else self.card.legend

    @property
    def notice(self) -> str | None:
        """What must be said of a product whose imagery or model is simulated; None of a real one."""
        return SIMULATED_NOTICE if self.simulated or self.card.simulated else None

    @property
    def as_of(self) -> str | None:
        """The as-of date of a map within a season, YYYY-MM-DD; None where the whole season counted."""
        return str(self.season.end) if self.season.as_of_day else None

    @property
    def seen(self) -> dict[str, Any]:
        """The season as JSON values; of a map within one, its as-of date and how many dekads counted."""
        season = self.season
        found = {"year": season.year, "start": str(season.start), "end": str(season.end)}
        return found | ({"as_of": self.as_of, "dekads": season.dekads} if self.as_of else {})

    @property
    def place(self) -> str:
        """The centre for people, such as `17.36° S, 30.2° E`."""
        lat, lon = self.aoi.lat, self.aoi.lon
        north, east = "S" if lat < 0 else "N", "W" if lon < 0 else "E"
        return f"{round(abs(lat), 5):g}° {north}, {round(abs(lon), 5):g}° {east}"

    @property
    def model(self) -> str:
        """The model as `name@version`."""
        return f"{self.card.name}@{self.model_version}"
