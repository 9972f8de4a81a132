"""The sections of what a deployment can set: each value with its default, its bounds and its meaning."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from geocrop_processes.simulation.demonstration import ARCHIVE, MODEL

HOSTS = r"^[A-Za-z0-9.:, -]*$"
"""The form of a list of hosts."""


class Section(BaseModel):
    """Settings that belong together."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CatalogSettings(Section):
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


class ImagerySettings(Section):
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


class RegistrySettings(Section):
    """Where models are registered."""

    uri: str | None = Field(
        None,
        description="MLflow's address: `http://...` of a server, or SQLAlchemy's of a database; `mlflow.db` (SQLite) in "
        "the data folder by default. Files of models go to the storage either way.",
    )


class RegionSettings(Section):
    """The part of the Earth that is mapped: its name and sides in degrees."""

    name: str = Field("Zimbabwe", description="What people call it.")
    west: float = Field(25.2, description="Western side.")
    south: float = Field(-22.5, description="Southern side.")
    east: float = Field(33.1, description="Eastern side.")
    north: float = Field(-15.6, description="Northern side.")


class MapSettings(Section):
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


class CacheSettings(Section):
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


class ServiceSettings(Section):
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
    start_s: float = Field(
        120.0,
        ge=0,
        le=3600,
        description="Seconds that a process waits when it starts for database, queue and storage, which may be "
        "starting too.",
    )
    pygeoapi_config: Path | None = Field(
        None,
        description="pygeoapi's configuration; the one that comes with GeoCrop where none is given.",
    )
    max_wait_s: int = Field(
        30,
        ge=0,
        le=3600,
        description="The most seconds that a request waits for its job, whatever it prefers (`Prefer: wait=...`).",
    )
    max_open_jobs: int = Field(20_000, ge=1, description="The most open jobs: others get 503.")
    max_open_jobs_of_owner: int = Field(
        10_000, ge=1, description="The most open jobs of one owner: others of its get 429."
    )
    max_jobs_listed: int = Field(1000, ge=1, description="The most jobs of a page of the list.")


class PageSettings(Section):
    """What the pages for people show."""

    map_tiles: str | None = Field(
        None,
        pattern=r"^(https?://[A-Za-z0-9.:-]+)?/[^\s\"'<>;]*$",
        description="Tiles of a background map, such as `https://tile.example.org/{z}/{x}/{y}.png`: a third party that "
        "browsers then ask. Without it maps lie on lines of longitude and latitude alone.",
    )
    map_attribution: str = Field("", description="Whose background map it is: shown on it.")


class CallbackSettings(Section):
    """Whom the service may call back when a job asks for it (`subscriber`)."""

    hosts: str = Field(
        "",
        pattern=HOSTS,
        description="Hosts that callbacks may be sent to over https, separated by commas, such as "
        "`app.example.org,hooks.example.org:8443`; none where it is empty: callbacks are not offered then. A host of a "
        "private address is never asked.",
    )
    secret: str | None = Field(
        None,
        pattern=r"^whsec_[A-Za-z0-9+/]{32,88}={0,2}$",
        repr=False,
        description="What callbacks are signed with, as Standard Webhooks writes it: `whsec_` and 24 to 64 bytes in "
        "base64. Needed where hosts are named.",
    )
    timeout_s: float = Field(
        10.0, gt=0, le=60, description="Seconds until a callback must have been answered."
    )
    attempts: int = Field(
        8,
        ge=1,
        le=20,
        description="How often a callback is tried: 5 s after the first failure, then after four times as long each, "
        "after an hour at most.",
    )
    progress_s: float = Field(
        10.0,
        ge=1,
        le=3600,
        description="Seconds between two callbacks about the progress of a job.",
    )

    @model_validator(mode="after")
    def _signed(self) -> Self:
        if self.hosts.strip() and self.secret is None:
            raise ValueError("callbacks are signed: GEOCROP_CALLBACKS__SECRET is needed")
        return self


class UploadSettings(Section):
    """What clients may bring: labels and tables, by value or by reference."""

    hosts: str = Field(
        "",
        pattern=HOSTS,
        description="Hosts that files and values may be fetched from over https, separated by commas, such as "
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


class CoverageSettings(Section):
    """How much of a coverage is given at once."""

    max_values: int = Field(
        25_000_000,
        ge=1,
        le=1_000_000_000,
        description="The most values (pixels times fields) of a GeoTIFF or picture that is computed; whoever asks for more "
        "is refused (413). The whole class map of a product is a stored file and has no such limit.",
    )
    max_json_values: int = Field(
        1_000_000, ge=1, le=100_000_000, description="The most values of a CoverageJSON document."
    )
    max_products: int = Field(
        64,
        ge=1,
        le=10_000,
        description="The most maps that are opened for one request to `crop-maps`.",
    )
