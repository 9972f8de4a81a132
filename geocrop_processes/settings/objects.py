"""The sections of what is kept: where objects lie, how long, and where temporary files are written."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from geocrop_processes.settings.sections import Section


class StorageSettings(Section):
    """Where products and models are kept."""

    root: str | None = Field(
        None,
        description="A folder, or `s3://` for buckets; the folder `storage` of the data folder by default.",
    )
    endpoint: str | None = Field(
        None, description="Address of the S3 server; AWS where none is given."
    )
    region: str | None = Field(None, description="Its region.")
    public_endpoint: str | None = Field(
        None,
        description="Its address as clients see it, where that is another: what presigned links are made for.",
    )
    links: Literal["proxied", "presigned"] = Field(
        "proxied",
        description="How clients get files: `proxied` through the API, or `presigned`: the API answers with 307 and an "
        "address of the S3 server that expires, so that large files never pass through it.",
    )
    link_s: int = Field(
        3600, ge=60, le=604_800, description="Seconds that a presigned address can be used."
    )
    bucket_prefix: str = Field(
        "",
        pattern=r"^([a-z0-9][a-z0-9.-]{0,29})?$",
        description="What the buckets' names begin with, such as `acme-`: names are shared by all accounts of a provider.",
    )
    timeout_s: float = Field(
        30.0,
        gt=0,
        le=600,
        description="Seconds until a silent S3 server is given up; each request is tried four times.",
    )


class KeepSettings(Section):
    """How long what is kept, and how often what nobody needs is looked for."""

    results_days: float | None = Field(
        None,
        gt=0,
        description="Days after which the results of a job that has ended are withdrawn: maps, files, items. Its status stays "
        "and says so (410). For ever where none is given.",
    )
    grace_s: float = Field(
        86_400.0,
        ge=60,
        description="Seconds that objects are left alone which nobody seems to need, half-written ones too.",
    )
    sweep_s: float = Field(
        3600.0, ge=1, description="Seconds between two sweeps of what nobody needs any more."
    )


class ScratchSettings(Section):
    """Where workers write temporary files."""

    folder: Path | None = Field(
        None, description="The folder; `scratch` in the data folder by default. A full one is told."
    )
    quota_bytes: int | None = Field(
        None,
        ge=1 << 20,
        description="The most bytes in it, of all workers that share it; as many as the disk has where none is given.",
    )
