"""A whole service as `geocrop serve` runs it, in a process of its own: `python -m benchmarks.large.service <folder>`."""

import sys
from pathlib import Path

from benchmarks.large.scene import BLOCK_PX, register
from geocrop_processes.service.embedded import run, worker_command
from geocrop_processes.settings import CatalogSettings, MapSettings, ServiceSettings, Settings

WORKERS = 2
"""Worker processes."""


def settings_of(folder: Path) -> Settings:
    """The deployment."""
    return Settings(
        data=folder,
        catalog=CatalogSettings(url="https://example.org/stac"),
        map=MapSettings(model="large@1", block_px=BLOCK_PX),
        service=ServiceSettings(port=0, workers=WORKERS),
    )


def main(folder: Path) -> None:
    """Serve until a signal; the address is told on standard output."""
    settings = settings_of(folder)
    registry = settings.open_registry(settings.open_storage())
    if not registry.list():
        register(registry)
    celery = worker_command(settings)
    worker = [
        sys.executable,
        "-m",
        "benchmarks.large.worker",
        *celery[celery.index("celery") + 1 :],
    ]
    with run(settings, lambda sentence: print(sentence, file=sys.stderr), worker=worker) as running:
        print(running.url, flush=True)
        running.supervisor.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
