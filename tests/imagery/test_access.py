import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
from rasterio.errors import RasterioIOError
from rasterio.transform import from_origin
from werkzeug import Request, Response

from geocrop_processes.errors import SceneUnreadable
from geocrop_processes.imagery.access import ATTEMPTS, Access, read_overview, read_window
from geocrop_processes.imagery.scene import BandFile

Serve = Callable[[Callable[[Request], Response]], Any]

WINDOW = (slice(30, 80), slice(100, 170))
PIXELS = np.random.default_rng(1).integers(1, 9000, (200, 200)).astype(np.uint16)


@pytest.fixture
def file(tmp_path: Path) -> BandFile:
    """A COG of 200 x 200 random pixels of 10 m with one overview, of half the size."""
    path = tmp_path / "B02.tif"
    with rasterio.open(
        path,
        "w",
        driver="COG",
        count=1,
        height=200,
        width=200,
        dtype="uint16",
        crs=32736,
        transform=from_origin(300_000, 8_000_000, 10, 10),
        blocksize=128,
        compress="none",
        overview_resampling="nearest",
    ) as target:
        target.write(PIXELS, 1)
    return BandFile(str(path), 10, 300_000, 8_000_000, (200, 200))


@pytest.fixture
def opens(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were opened, in order."""
    seen: list[str] = []
    really = rasterio.open

    def _open(href: str, *args: Any, **options: Any) -> Any:
        seen.append(href)
        return really(href, *args, **options)

    monkeypatch.setattr(rasterio, "open", _open)
    return seen


@pytest.fixture
def _environment() -> Iterator[None]:
    with Access(timeout_s=5).environment():
        yield


def test_a_window_is_read_in_the_file_s_type(file: BandFile) -> None:
    window: npt.NDArray[np.uint16] = read_window(file, WINDOW)
    assert window.dtype == np.uint16
    assert np.array_equal(window, PIXELS[WINDOW])


def test_the_coarsest_overview_is_read_or_the_shape_asked_for(file: BandFile) -> None:
    overview = read_overview(file)
    assert overview.shape == (100, 100)
    quarters = PIXELS.reshape(100, 2, 100, 2)
    assert (quarters == overview[:, None, :, None]).any(axis=(1, 3)).all()
    assert read_overview(file, (25, 20)).shape == (25, 20)


def test_a_file_without_overviews_is_read_whole(file: BandFile, tmp_path: Path) -> None:
    with rasterio.open(file.href) as source:
        place = {"crs": source.crs, "transform": source.transform, "dtype": "uint16", "count": 1}
    with rasterio.open(tmp_path / "plain.tif", "w", height=200, width=200, **place) as target:
        target.write(PIXELS, 1)
    plain = replace(file, href=str(tmp_path / "plain.tif"))
    assert np.array_equal(read_overview(plain), PIXELS)


@pytest.mark.usefixtures("_no_wait")
def test_a_missing_file_is_told_by_its_address_after_every_try(
    file: BandFile, opens: list[str]
) -> None:
    missing = replace(file, href=file.href + ".absent")
    with pytest.raises(SceneUnreadable) as caught:
        read_window(missing, WINDOW)
    assert str(caught.value).startswith(f"{missing.href} cannot be read: ")
    assert str(caught.value).endswith(".")
    assert opens == [missing.href] * ATTEMPTS


@pytest.mark.usefixtures("_no_wait")
@pytest.mark.parametrize("kept", [0, 100, 20_000])
def test_a_broken_or_truncated_file_is_told(kept: int, file: BandFile) -> None:
    path = Path(file.href)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(SceneUnreadable, match="cannot be read"):
        read_window(file, (slice(0, 200), slice(0, 200)))


@pytest.mark.usefixtures("_no_wait")
def test_a_file_of_another_shape_than_its_item_says_is_told(file: BandFile) -> None:
    for read in (lambda f: read_window(f, WINDOW), read_overview):
        with pytest.raises(
            SceneUnreadable, match=r"has \(200, 200\) pixels, its item says \(2, 3\)"
        ):
            read(replace(file, shape=(2, 3)))


@pytest.mark.usefixtures("_no_wait")
def test_a_read_that_fails_once_is_tried_again(
    file: BandFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []
    really = rasterio.open

    def _open(href: str) -> Any:
        tries.append(href)
        if len(tries) == 1:
            raise RasterioIOError("the line was cut")
        return really(href)

    monkeypatch.setattr(rasterio, "open", _open)
    assert np.array_equal(read_window(file, WINDOW), PIXELS[WINDOW])
    assert len(tries) == 2


class Files:
    """Serves one file by ranges; the n-th request can be answered otherwise."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.asked: list[str] = []
        self.instead: dict[int, Callable[[], Response]] = {}

    def __call__(self, request: Request) -> Response:
        self.asked.append(f"{request.method} {request.headers.get('Range', '')}".strip())
        if len(self.asked) in self.instead:
            return self.instead[len(self.asked)]()
        found = re.match(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
        if not found:
            return Response(self.content, headers={"Accept-Ranges": "bytes"})
        first, last = int(found[1]), min(int(found[2] or 10**9), len(self.content) - 1)
        part = self.content[first : last + 1]
        place = f"bytes {first}-{last}/{len(self.content)}"
        return Response(part, 206, headers={"Content-Range": place})


@pytest.fixture
def served(file: BandFile, serve: Serve) -> tuple[Files, BandFile]:
    files = Files(Path(file.href).read_bytes())
    return files, replace(file, href=f"{serve(files).url}/B02.tif")


@pytest.mark.usefixtures("_environment")
def test_a_window_is_read_over_http_in_few_requests(served: tuple[Files, BandFile]) -> None:
    files, remote = served
    assert np.array_equal(read_window(remote, WINDOW), PIXELS[WINDOW])
    assert files.asked[:2] == ["HEAD", "GET bytes=0-32767"]
    assert len(files.asked) <= 5


@pytest.mark.usefixtures("_environment", "_no_wait")
@pytest.mark.parametrize("status", [500, 503, 404, 403])
def test_a_server_that_refuses_once_is_asked_again(
    status: int, served: tuple[Files, BandFile]
) -> None:
    files, remote = served
    files.instead = {1: lambda: Response("", status)}
    assert np.array_equal(read_window(remote, WINDOW), PIXELS[WINDOW])


@pytest.mark.usefixtures("_environment", "_no_wait")
@pytest.mark.parametrize("request_number", [2, 3])
def test_an_answer_that_broke_off_is_not_kept_and_read_again(
    request_number: int, served: tuple[Files, BandFile]
) -> None:
    """GDAL keeps the few bytes that came for as long as the process lives, so every try failed alike."""
    files, remote = served
    place = f"bytes 0-32767/{len(files.content)}"
    broken = {"Content-Range": place, "Content-Length": "32768"}
    files.instead = {request_number: lambda: Response(iter([b"II"]), 206, headers=broken)}
    assert np.array_equal(read_window(remote, WINDOW), PIXELS[WINDOW])
    assert np.array_equal(read_window(remote, WINDOW), PIXELS[WINDOW])


@pytest.mark.usefixtures("_no_wait")
def test_a_server_that_does_not_answer_is_given_up(served: tuple[Files, BandFile]) -> None:
    """A time-out under half a second was once rounded to none at all."""
    files, remote = served

    def slow() -> Response:
        time.sleep(4)
        return Response("", 503)

    files.instead = dict.fromkeys(range(1, 100), slow)
    started = time.monotonic()
    with (
        rasterio.Env(),
        Access(timeout_s=0.2).environment(),
        rasterio.Env(GDAL_HTTP_MAX_RETRY=0),
        pytest.raises(SceneUnreadable),
    ):
        read_window(remote, WINDOW)
    assert time.monotonic() - started < 10


def test_credentials_of_the_machine_are_not_used_for_public_scenes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-the-deployment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with Access(s3_endpoint="s3.example.org", s3_region="af-south-1").environment():
        options = rasterio.env.getenv()
    assert options["AWS_NO_SIGN_REQUEST"] in {"YES", True}
    assert options["AWS_S3_ENDPOINT"] == "s3.example.org"
    assert options["AWS_REGION"] == "af-south-1"
    assert "secret" not in str(options)
