import json
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug import Request, Response

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.season import Season
from geocrop_processes.errors import CatalogUnavailable, InvalidSeason, NoScenes
from geocrop_processes.imagery.catalog import Catalog

AOI = Aoi(31.05, -17.83, 1000)
SEASON = Season(2022)

Make = Callable[..., dict[str, Any]]
Serve = Callable[[Callable[[Request], Response]], Any]


def failure(catalog: Catalog) -> str:
    """The message of a search that fails: one sentence for people."""
    with pytest.raises(CatalogUnavailable) as caught:
        catalog.find(AOI, SEASON)
    text = str(caught.value)
    assert text.startswith(f"The catalogue at {catalog.url} ")
    assert text.endswith(".")
    for inner in ("object at", "HTTPConnectionPool", "Traceback", "Caused by", "\n", "<"):
        assert inner not in text
    return text


def test_every_page_of_a_search_is_read(serve: Serve, stac_api: Any, item: Make) -> None:
    keys = [f"S2A_36KTF_2022101{n}" for n in range(5)]
    api = stac_api([item(key) for key in reversed(keys)], page=2)
    found = Catalog(serve(api).url, "s2_l2a").find(AOI, SEASON)
    assert [scene.key for scene in found.scenes] == keys
    assert found.left_out == ()
    assert len(api.searches) == 3


def test_a_search_asks_for_the_circle_s_box_and_the_season(
    serve: Serve, stac_api: Any, item: Make
) -> None:
    api = stac_api([item()])
    Catalog(serve(api).url, "s2_l2a").find(AOI, SEASON)
    asked = api.searches[0]
    assert asked["collections"] == ["s2_l2a"]
    assert asked["bbox"] == pytest.approx(list(AOI.bbox()))
    assert asked["datetime"] == "2022-09-01T00:00:00Z/2023-05-31T23:59:59Z"
    assert "query" not in asked
    assert "filter" not in asked


def test_scenes_come_by_time_then_name(serve: Serve, stac_api: Any, item: Make) -> None:
    items = [
        item("b", datetime="2022-10-15T08:00:00Z"),
        item("a", datetime="2022-10-15T08:00:00Z"),
        item("z", datetime="2022-10-15T07:00:00Z"),
    ]
    found = Catalog(serve(stac_api(items)).url, "s2_l2a").find(AOI, SEASON)
    assert [scene.key for scene in found.scenes] == ["z", "a", "b"]


def test_an_item_that_is_no_scene_is_left_out_with_its_reason(
    serve: Serve, stac_api: Any, item: Make
) -> None:
    lacking = item("lacking")
    del lacking["assets"]["B11"]
    bare = {"type": "Feature", "id": "bare", "collection": "s2_l2a", "properties": None}
    nameless = {"type": "Feature", "collection": "s2_l2a"}
    found = Catalog(serve(stac_api([item(), lacking, bare, nameless])).url, "s2_l2a").find(
        AOI, SEASON
    )
    assert [scene.key for scene in found.scenes] == ["S2A_36KTF_20221015"]
    assert {left.key: left.reason for left in found.left_out} == {
        "lacking": "Scene lacking lacks 'B11'.",
        "bare": "Scene bare lacks 'properties'.",
        "without a name": "Scene without a name lacks 'properties'.",
    }


def test_a_search_without_a_scene_says_where_and_when(serve: Serve, stac_api: Any) -> None:
    with pytest.raises(
        NoScenes,
        match=r"no s2_l2a scene at 31\.05, -17\.83 between 2022-09-01 and 2023-05-31\.",
    ):
        Catalog(serve(stac_api([])).url, "s2_l2a").find(AOI, SEASON)


@pytest.mark.parametrize(
    ("interval", "coverage"),
    [
        (("2015-06-27T00:00:00Z", "2022-08-31T23:59:59Z"), "2015-06-27 to 2022-08-31"),
        (("2023-06-01T00:00:00Z", None), "2023-06-01 to today"),
        # some servers leave the time zone out
        (("2015-06-27T00:00:00", "2022-08-31T23:59:59"), "2015-06-27 to 2022-08-31"),
    ],
)
def test_a_season_outside_the_collection_is_told_with_its_coverage(
    interval: tuple[str | None, str | None], coverage: str, serve: Serve, stac_api: Any, item: Make
) -> None:
    api = stac_api([item()], interval=interval)
    with pytest.raises(InvalidSeason, match=f"season 2022 .* covers {coverage}"):
        Catalog(serve(api).url, "s2_l2a").find(AOI, SEASON)
    assert api.searches == []


@pytest.mark.parametrize("interval", [(None, None), ("2022-12-01T00:00:00Z", None)])
def test_a_season_that_the_collection_covers_in_part_is_searched(
    interval: tuple[str | None, str | None], serve: Serve, stac_api: Any, item: Make
) -> None:
    api = stac_api([item()], interval=interval)
    assert Catalog(serve(api).url, "s2_l2a").find(AOI, SEASON).scenes


def test_an_unknown_collection_is_named(serve: Serve, stac_api: Any, item: Make) -> None:
    text = failure(Catalog(serve(stac_api([item()])).url, "s2_l1c"))
    assert text.endswith("has no collection 's2_l1c'.")


@pytest.mark.parametrize("path", ["/", "/collections/s2_l2a", "/search"])
def test_a_server_that_always_fails_is_tried_three_times(
    path: str, serve: Serve, stac_api: Any, item: Make
) -> None:
    """A search is a POST, which urllib3 does not repeat unless it is told to."""
    api = stac_api([item()])
    server = serve(
        lambda request: Response("<h1>oops</h1>", 500) if request.path == path else api(request)
    )
    assert "it answers HTTP 500 again and again" in failure(Catalog(server.url, "s2_l2a"))
    assert sum(seen.endswith(f" {path}") for seen in server.seen) == 3


def test_a_server_that_fails_once_is_forgiven(serve: Serve, stac_api: Any, item: Make) -> None:
    api = stac_api([item()])
    failed: set[str] = set()

    def flaky(request: Request) -> Response:
        if request.path not in failed:
            failed.add(request.path)
            return Response("busy", 503, headers={"Retry-After": "0"})
        return Response.force_type(api(request))

    assert Catalog(serve(flaky).url, "s2_l2a").find(AOI, SEASON).scenes


def test_a_refusal_is_told_by_its_status(serve: Serve) -> None:
    server = serve(lambda _: Response("<html>go away</html>", 403))
    assert "it answers HTTP 403" in failure(Catalog(server.url, "s2_l2a"))


@pytest.mark.parametrize(
    "body",
    [
        "<html><body>Welcome</body></html>",
        "",
        "[]",
        "{}",
        "null",
        json.dumps({"type": "Feature"}),
        json.dumps({"type": "Catalog", "id": "x"}),
    ],
)
def test_a_page_that_is_no_stac_api_is_told(body: str, serve: Serve) -> None:
    server = serve(lambda _: Response(body, mimetype="text/html"))
    assert "it does not answer as a STAC API does" in failure(Catalog(server.url, "s2_l2a"))


@pytest.mark.parametrize("features", [[1], "many", {"a": 1}])
def test_a_search_that_answers_nonsense_is_told(
    features: Any, serve: Serve, stac_api: Any, item: Make
) -> None:
    api = stac_api([item()])
    nonsense = json.dumps({"type": "FeatureCollection", "features": features})
    server = serve(
        lambda request: Response(nonsense) if request.path == "/search" else api(request)
    )
    assert "it does not answer as a STAC API does" in failure(Catalog(server.url, "s2_l2a"))


def test_a_slow_server_is_given_up_in_time(serve: Serve) -> None:
    """Opening a client takes back the time-out that its connection was given: without it this waits."""

    def slow(_: Request) -> Response:
        time.sleep(3)
        return Response("{}")

    started = time.monotonic()
    text = failure(Catalog(serve(slow).url, "s2_l2a", timeout_s=0.2))
    assert "no answer within 0.2 s" in text
    assert time.monotonic() - started < 3


def test_a_refused_connection_is_told() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    assert failure(Catalog(f"http://127.0.0.1:{port}", "s2_l2a")).endswith(
        "no connection, or one that broke off."
    )


def test_an_answer_that_breaks_off_is_told(serve: Serve) -> None:
    server = serve(lambda _: Response(iter([b"{"]), headers={"Content-Length": "1000"}))
    assert "one that broke off" in failure(Catalog(server.url, "s2_l2a", timeout_s=5))


def test_a_host_that_has_no_address_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    text = failure(Catalog("http://stac.invalid", "s2_l2a"))
    assert "its host name cannot be resolved" in text


@pytest.mark.parametrize("url", ["no/such/file.json", "ftp://127.0.0.1/", "http://"])
def test_an_address_that_cannot_be_asked_is_told(url: str) -> None:
    assert "its address is none that can be asked" in failure(Catalog(url, "s2_l2a"))
