"""`geocrop serve`, `geocrop demo`, `geocrop jobs` and `geocrop catalog`: the service from the command line."""

import hashlib
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.markup import escape
from rich.table import Table

from geocrop_processes.cli_text import (
    AsJson,
    bar,
    err,
    out,
    print_json,
    print_places,
    print_product,
)
from geocrop_processes.domain.progress import Progress
from geocrop_processes.pipeline.product import ITEM, Product
from geocrop_processes.publish.assets import KINDS
from geocrop_processes.service.client import Client
from geocrop_processes.service.embedded import Running, run
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.stac.export import export
from geocrop_processes.service.urls import public_url
from geocrop_processes.settings import Settings
from geocrop_processes.simulation.demo import DEMO_AOI, DEMO_SEASON
from geocrop_processes.simulation.demonstration import (
    ARCHIVE,
    MODEL,
    Demonstration,
    compare,
    prepare,
)
from geocrop_processes.storage import RESULTS, result_key

jobs = typer.Typer(help="See and end the jobs of a running service.", no_args_is_help=True)

catalog = typer.Typer(help="The products as a STAC catalogue.", no_args_is_help=True)

Url = Annotated[
    str | None,
    typer.Option(help="The service's address; else that of the settings GEOCROP_SERVICE__*."),
]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.")]


def serve(
    *,
    demo: Annotated[
        bool,
        typer.Option(
            "--demo",
            help="Search a simulated archive, with a model trained on it, and map the demo's place first.",
        ),
    ] = False,
) -> None:
    """Serve maps over HTTP until Ctrl-C: the web server, a worker and a private queue, watched over.

    A part that dies is started again. Jobs and products are kept under the data folder (.geocrop); jobs that
    were open when the service stopped go on when it starts again.
    """
    _interrupt_on_signals()
    settings = Settings.read()
    if demo:
        settings = _simulated(settings)
        with bar(quiet=not err.is_terminal) as progress:
            _prepare(settings, progress)
    try:
        with run(settings, _tell) as running:
            out.print(f"GeoCrop answers at {running.url}", highlight=False, soft_wrap=True)
            out.print(f"Ctrl-C stops it; logs are in {escape(str(settings.data / 'logs'))}")
            if demo:
                _map_demo(running)
            running.supervisor.wait()
    except KeyboardInterrupt:
        out.print("Stopped.")


def demo(*, as_json: AsJson = False) -> None:
    """Make a map from nothing: simulate an archive, train a model, serve, map a place, compare with the truth.

    The map is asked for over HTTP as any client asks. Everything is kept under the data folder (.geocrop) and
    used again the next time. The same figures are written to demo.json there.
    """
    _interrupt_on_signals()
    started = time.monotonic()
    settings = _simulated(Settings.read(), port=0, url=None)
    storage = settings.open_storage()
    with bar(quiet=as_json) as progress:
        _prepare(settings, lambda share, message: progress(0.8 * share, message))
        progress(0.8, "starting the service")
        with run(settings, _tell) as running, Client(running.url) as client:
            job_id = client.submit({**_demo_inputs(), "fresh": True})
            _follow(client, job_id, lambda share, message: progress(0.82 + 0.16 * share, message))
            results = client.results(job_id)
            urls = {key: value["href"] for key, value in results.items() if _is_link(value)}
            checksums = {
                key: hashlib.sha256(client.download(url)).hexdigest() for key, url in urls.items()
            }
        progress(0.98, "comparing with the truth")
        files = {key: kind.file_name for key, kind in KINDS.items()} | {"item": ITEM}
        paths = {key: storage.url(RESULTS, result_key(job_id, files[key])) for key in results}
        product = Product(job_id, results["summary"]["value"], paths, checksums)
        accuracy = compare(storage, job_id)
        made = Demonstration(product, accuracy, time.monotonic() - started, urls)
        made.write(settings.data)
    if as_json:
        print_json(made.to_json())
    else:
        _print_demonstration(made)


@jobs.command("list")
def list_jobs(
    *,
    url: Url = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the newest jobs."""
    with _client(url) as client:
        found = client.jobs(limit)
    if as_json:
        print_json(found)
        return
    if not found:
        out.print("There is no job yet.")
        return
    table = Table(
        "job", "process", "status", "done", "created", "message", box=None, pad_edge=False
    )
    for job in found:
        table.add_row(
            job["jobID"],
            job["processID"],
            job["status"],
            f"{job.get('progress', 0)} %",
            job.get("created", ""),
            escape(job.get("message", "")),
        )
    out.print(table)


@jobs.command()
def watch(job: JobId, *, url: Url = None, as_json: AsJson = False) -> None:
    """Follow a job until it ends, and say where its results are.

    Exit code 0 where it was successful, 1 where it failed or was dismissed.
    """
    with _client(url) as client:
        with bar(quiet=as_json) as progress:
            status = _follow(client, job, progress)
        results = client.results(job)
    if as_json:
        print_json({"status": status, "results": results})
        return
    out.print(f"{status['status']}: {escape(status.get('message', ''))}")
    print_places({key: value["href"] for key, value in results.items() if _is_link(value)})


@jobs.command()
def dismiss(job: JobId, *, url: Url = None, as_json: AsJson = False) -> None:
    """End a job, or remove what it has made."""
    with _client(url) as client:
        status = client.dismiss(job)
    if as_json:
        print_json(status)
    else:
        out.print(f"The job {escape(job)} is {status['status']}.")


@catalog.command("export", epilog="Example: geocrop catalog export maps/")
def export_catalog(
    folder: Annotated[Path, typer.Argument(help="Where to: a new folder, or an empty one.")],
    *,
    assets: Annotated[
        Literal["copy", "link"],
        typer.Option(help="'copy' puts the files beside the items; 'link' leads to the service."),
    ] = "copy",
    as_json: AsJson = False,
) -> None:
    """Write all products as a static STAC catalogue, which needs no service to be read.

    Links are relative: the folder can be moved, zipped, or put on any web server.
    """
    settings = Settings.read()
    store = JobStore.of(settings)
    with bar(quiet=as_json) as progress:
        count = export(folder, settings, store, settings.open_storage(), assets, progress)
    store.close()
    if as_json:
        print_json({"catalog": str(folder / "catalog.json"), "items": count})
    else:
        out.print(f"{count} maps: {escape(str(folder / 'catalog.json'))}", soft_wrap=True)


def _client(url: str | None) -> Client:
    return Client(url or public_url(Settings.read()))


def _follow(client: Client, job_id: str, progress: Progress) -> Mapping[str, Any]:
    """The status that a job ends with; told of all before it."""
    status: Mapping[str, Any] = {}
    for status in client.watch(job_id):
        progress(status.get("progress", 0) / 100, status.get("message") or status["status"])
    return status


def _map_demo(running: Running) -> None:
    """Have the demo's product in the service; one that is there already is used again."""
    with Client(running.url) as client, bar(quiet=not err.is_terminal) as progress:
        job_id = client.submit(_demo_inputs())
        _follow(client, job_id, progress)
        client.results(job_id)
    out.print(f"The demo's map: {running.url}/jobs/{job_id}/results", soft_wrap=True)


def _demo_inputs() -> dict[str, Any]:
    aoi = [DEMO_AOI.lon, DEMO_AOI.lat, DEMO_AOI.radius_m]
    return {"aoi": aoi, "year": DEMO_SEASON.year, "model": MODEL}


def _simulated(settings: Settings, **service: object) -> Settings:
    """The settings with the simulated archive, and changes of the service's."""
    return settings.model_copy(
        update={
            "catalog": settings.catalog.model_copy(update={"url": ARCHIVE}),
            "service": settings.service.model_copy(update=service),
        }
    )


def _prepare(settings: Settings, progress: Progress) -> None:
    """Build what is missing of the demonstration, by kernels that the worker will find compiled."""
    settings.warm_up()
    storage = settings.open_storage()
    registry = settings.open_registry(storage)
    prepare(settings.data, storage, registry, progress, settings.catalog.collection)


def _interrupt_on_signals() -> None:
    """A polite request to end, or a terminal that goes away, is as Ctrl-C; in the background too, where it is ignored."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.default_int_handler)


def _tell(sentence: str) -> None:
    err.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _is_link(value: Any) -> bool:
    return isinstance(value, dict) and "href" in value


def _print_demonstration(made: Demonstration) -> None:
    print_product(made.product)
    print_places({f"{key} url": url for key, url in made.urls.items()})
    out.print(f"sha256 of the class map: {made.product.checksums['class-map']}", soft_wrap=True)
    out.print(
        f"agreement with the known truth {made.accuracy.overall:.3f}, macro-F1 {made.accuracy.macro_f1:.3f}, "
        f"{made.seconds:.0f} s"
    )
