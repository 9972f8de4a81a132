"""What is missing or wrong is said in one line each, of real servers that are set up wrong."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest
from fastapi import FastAPI
from typer.testing import CliRunner

from geocrop_processes.cli import app as cli
from geocrop_processes.errors import InvalidSetting, ServiceUnavailable
from geocrop_processes.service.app import create_app
from geocrop_processes.service.beat import beating
from geocrop_processes.service.beginning import NEEDED, wait_for
from geocrop_processes.service.doctor import CHECKS, Finding, examine
from geocrop_processes.settings import (
    CatalogSettings,
    RegistrySettings,
    ServiceSettings,
    Settings,
    StorageSettings,
)
from tests.backends import Backend
from tests.servers import free_port, postgresql, redis_server, s3_server
from tests.service.asking import Models

NOBODY = "127.0.0.1:1"
"""Where nobody listens."""


def lines(settings: Settings, *parts: str) -> list[tuple[str, str]]:
    """State and text of each finding about some parts."""
    found = examine(settings, {part: CHECKS[part] for part in parts})
    return [(each.state, each.text) for each in found]


def line(settings: Settings, part: str) -> tuple[str, str]:
    """The only one."""
    (only,) = lines(settings, part)
    return only


def of_service(**service: Any) -> Settings:
    return Settings(service=ServiceSettings(**service))


@contextmanager
def answering(answers: Mapping[str, tuple[int, str]]) -> Iterator[str]:
    """The address of a server that says the same at each path, whatever is asked; elsewhere the answer of ``*``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers.get(self.path.partition("?")[0], answers["*"])
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body.encode())

        do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815 - the library's names

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_backend_that_is_well_is_said_to_be(backend: Backend) -> None:
    settings = backend.settings()
    settings.open_storage()
    backend.open_store().close()
    said = lines(settings, "data folder", "database", "queue", "storage")
    assert [state for state, _ in said] == ["ok"] * 4, said
    if backend.broker:
        assert "PostGIS" in said[1][1]
        assert "Redis" in said[2][1] or "Valkey" in said[2][1]
    # what was written is gone
    storage = settings.reach_storage()
    assert not any(
        storage.list(f"geocrop-{name}", "") for name in ("models", "results", "datasets")
    )


@pytest.mark.embedded_only
def test_what_was_not_started_yet_is_not_made_by_asking(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "none")
    said = lines(settings, "data folder", "database", "queue", "storage", "registry")
    assert [state for state, _ in said] == ["ok"] * 5, said
    assert not (tmp_path / "none").exists()


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    state, text = line(Settings(data=tmp_path / "file"), "data folder")
    assert state == "failed"
    assert str(tmp_path / "file") in text
    assert "GEOCROP_DATA" in text


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgresql(tmp_path_factory.mktemp("doctor"), "geocrop") as address:
        yield address


@pytest.fixture
def say(server: str) -> Callable[..., None]:
    def say(database: str, *orders: str) -> None:
        address = f"{server.replace('+psycopg', '')}/{database}"
        with psycopg.connect(address, autocommit=True) as connection:
            for order in orders:
                connection.execute(order.encode())

    return say


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server(tmp_path_factory.mktemp("doctor")) as address:
        yield address


class TestDatabase:
    def test_nobody_listens(self) -> None:
        address = f"postgresql://me:hunter22@{NOBODY}/geocrop"
        state, text = line(of_service(database=address), "database")
        assert state == "failed"
        assert text.startswith(f"No PostgreSQL answers at {NOBODY} (")
        assert text.endswith("start it, or correct GEOCROP_SERVICE__DATABASE.")
        assert "hunter22" not in text

    @pytest.mark.parametrize("address", ["mysql://host/x", "nothing"])
    def test_another_kind_of_address(self, address: str) -> None:
        state, text = line(of_service(database=address), "database")
        assert (state, text[:44]) == ("failed", "GEOCROP_SERVICE__DATABASE is no address of P")

    def test_a_file_that_is_no_database(self, tmp_path: Path) -> None:
        (tmp_path / "jobs.db").write_text("no database" * 100)
        state, text = line(of_service(database=f"sqlite:///{tmp_path / 'jobs.db'}"), "database")
        assert (state, "cannot be read (file is not a database)" in text) == ("failed", True)

    @pytest.mark.system
    def test_no_such_database(self, server: str) -> None:
        said = line(of_service(database=f"{server}/other"), "database")
        place = server.rpartition("@")[2]
        assert said == (
            "failed",
            (
                f"PostgreSQL at {place} knows no such database or user (user postgres, database other): "
                "correct GEOCROP_SERVICE__DATABASE."
            ),
        )

    @pytest.mark.system
    def test_without_postgis(self, server: str, say: Callable[..., None]) -> None:
        say("postgres", "CREATE DATABASE plain TEMPLATE template0")
        said = line(of_service(database=f"{server}/plain"), "database")
        assert said == (
            "failed",
            (
                "The database plain has no PostGIS: have a superuser run "
                '`psql -d plain -c "CREATE EXTENSION postgis"`.'
            ),
        )

    @pytest.mark.system
    def test_a_user_who_may_make_no_tables(self, server: str, say: Callable[..., None]) -> None:
        say("postgres", "CREATE ROLE guest LOGIN")
        address = f"{server.replace('postgres@', 'guest@')}/geocrop"
        state, text = line(of_service(database=address), "database")
        assert state == "failed"
        assert text.startswith("The user guest may make no tables")
        assert '`psql -d geocrop -c "GRANT CREATE ON SCHEMA public TO guest"`' in text

    @pytest.mark.system
    def test_an_old_version_a_replica_and_a_clock_that_is_off(
        self, server: str, say: Callable[..., None]
    ) -> None:
        """The database's own functions, shadowed by some that say otherwise."""
        say("postgres", "CREATE DATABASE odd TEMPLATE geocrop")
        say(
            "odd",
            "CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS "
            "$$ SELECT pg_catalog.clock_timestamp() + interval '90 s' $$",
            "ALTER DATABASE odd SET search_path = public, pg_catalog",
        )
        settings = of_service(database=f"{server}/odd")
        (warned, text), (state, _) = lines(settings, "database")
        assert (warned, state) == ("warning", "ok")
        assert text.startswith("The database's clock is 90 s ahead of this machine's")
        say(
            "odd",
            "CREATE FUNCTION public.current_setting(text) RETURNS text LANGUAGE sql AS "
            "$$ SELECT CASE $1 WHEN 'server_version_num' THEN '140009' ELSE '14.9' END $$",
            "CREATE FUNCTION public.pg_is_in_recovery() RETURNS boolean LANGUAGE sql AS 'SELECT true'",
        )
        (_, version), (_, replica), _ = lines(settings, "database")
        assert version == "PostgreSQL is 14.9; 15 or newer is needed."
        assert replica.startswith("PostgreSQL is a replica")

    @pytest.mark.system
    def test_a_wrong_password(self, tmp_path: Path) -> None:
        with postgresql(tmp_path, "geocrop") as server:
            address = server.replace("+psycopg", "")
            with psycopg.connect(f"{address}/geocrop", autocommit=True) as connection:
                connection.execute("ALTER ROLE postgres PASSWORD 'right'")
                (access,) = connection.execute("SHOW hba_file").fetchone() or ("",)
                Path(access).write_text("host all all 127.0.0.1/32 scram-sha-256\n")
                connection.execute("SELECT pg_reload_conf()")
            place = server.rpartition("@")[2]
            wrong = of_service(database=f"postgresql://postgres:hunter22@{place}/geocrop")
            state, text = line(wrong, "database")
            assert state == "failed"
            assert text.startswith(f"PostgreSQL at {place} refuses the user's password (user post")
            assert "hunter22" not in text
            with pytest.raises(InvalidSetting, match="refuses the user's password"):
                wait_for(wrong, {"database": CHECKS["database"]})
            right = of_service(database=f"postgresql://postgres:right@{place}/geocrop")
            assert line(right, "database")[0] == "ok"


class TestQueue:
    def test_nobody_listens(self) -> None:
        state, text = line(of_service(broker=f"redis://:hunter22@{NOBODY}/0"), "queue")
        assert state == "failed"
        assert text.startswith("No queue answers (")
        assert "refused" in text
        assert "hunter22" not in text

    def test_another_kind_of_address(self) -> None:
        state, text = line(of_service(broker="amqp://host"), "queue")
        assert (state, text[:33]) == ("failed", "GEOCROP_SERVICE__BROKER is no add")

    def test_something_else_listens(self) -> None:
        with answering({"*": (200, "hello")}) as url:
            state, text = line(of_service(broker=url.replace("http", "redis")), "queue")
        assert (state, text[:16]) == ("failed", "No queue answers")

    @pytest.mark.system
    def test_a_password_that_is_wrong_or_missing(self, tmp_path: Path) -> None:
        with redis_server(tmp_path, "--requirepass", "right-one") as address:
            for given in ("", ":hunter22@"):
                broker = address.replace("redis://", f"redis://{given}")
                state, text = line(of_service(broker=broker), "queue")
                assert state == "failed"
                assert text.startswith("The queue refuses the password (")
                assert "hunter22" not in text
            good = of_service(broker=address.replace("redis://", "redis://:right-one@"))
            assert line(good, "queue")[0] == "ok"

    @pytest.mark.system
    def test_messages_that_can_be_lost_are_a_warning(self, tmp_path: Path) -> None:
        options = ("--appendonly", "no", "--maxmemory-policy", "allkeys-lru")
        with redis_server(tmp_path, *options) as address:
            said = lines(of_service(broker=address), "queue")
        assert [state for state, _ in said] == ["warning", "warning", "ok"]
        assert "no append-only file" in said[0][1]
        assert "No job is lost" in said[0][1]
        assert "maxmemory-policy is allkeys-lru" in said[1][1]

    @pytest.mark.system
    def test_a_replica_and_nobody_who_works(self, tmp_path: Path) -> None:
        with redis_server(tmp_path) as address:
            settings = of_service(broker=address)
            assert [state for state, _ in lines(settings, "workers", "beat")] == ["failed"] * 2
            with beating(
                Settings(data=tmp_path, service=ServiceSettings(broker=address, republish_s=0.05))
            ):
                until = time.monotonic() + 60
                while line(settings, "beat")[0] != "ok":
                    assert time.monotonic() < until
                    time.sleep(0.05)
        host, _, port = NOBODY.partition(":")
        (tmp_path / "replica").mkdir()
        with redis_server(tmp_path / "replica", "--replicaof", host, port) as address:
            state, text = lines(of_service(broker=address), "queue")[0]
        assert (state, text[:22]) == ("failed", "The queue is a replica")


class TestStorage:
    def of(self, endpoint: str) -> Settings:
        return Settings(storage=StorageSettings(root="s3://", endpoint=endpoint))

    def test_buckets_that_are_missing_are_told_and_not_made(self, endpoint: str) -> None:
        said = lines(self.of(endpoint), "storage")
        assert [state for state, _ in said] == ["failed"] * 4
        for (_, text), name in zip(
            said, ("models", "baselines", "results", "datasets"), strict=True
        ):
            assert f"geocrop-{name}" in text
            assert "there is no such bucket: make it" in text

    def test_a_wrong_secret_and_an_unknown_key(
        self, endpoint: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter22hunter22")
        said = lines(self.of(endpoint), "storage")
        assert {state for state, _ in said} == {"failed"}
        assert "the secret is wrong: correct AWS_SECRET_ACCESS_KEY" in said[0][1]
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
        assert "correct AWS_ACCESS_KEY_ID" in lines(self.of(endpoint), "storage")[0][1]

    def test_no_key(self, endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
            monkeypatch.setenv(name, str(tmp_path / "none"))
        state, text = line(self.of(endpoint), "storage")
        assert (state, text) == (
            "failed",
            "There is no key for the storage: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
        )

    def test_nobody_listens(self) -> None:
        state, text = line(self.of(f"http://{NOBODY}"), "storage")
        assert state == "failed"
        assert NOBODY in text
        assert "GEOCROP_STORAGE__ENDPOINT" in text

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            ("RequestTimeTooSkewed", "this machine's clock is more than 15 minutes off"),
            ("AccessDenied", "the key may not do that"),
        ],
    )
    def test_what_s3_refuses_is_told_by_its_code(self, code: str, words: str) -> None:
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>No.</Message></Error>"
        with answering({"*": (403, body)}) as endpoint:
            said = lines(self.of(endpoint), "storage")
        assert [state for state, _ in said] == ["failed"] * 4
        assert words in said[0][1]

    @pytest.mark.parametrize("storage", [{"root": "ftp://x"}, {"root": "s3://", "endpoint": "x"}])
    def test_a_root_or_an_endpoint_that_is_none(self, storage: dict[str, str]) -> None:
        state, text = line(Settings(storage=StorageSettings(**storage)), "storage")
        assert (state, text[:12]) == ("failed", "The storage ")


class TestRegistry:
    def of(self, uri: str) -> Settings:
        return Settings(registry=RegistrySettings(uri=uri))

    def test_nobody_listens(self) -> None:
        said = lines(self.of(f"http://{NOBODY}"), "registry", "model")
        assert [state for state, _ in said] == ["failed", "failed"]
        assert said[0][1].startswith(f"No MLflow answers at http://{NOBODY} (")
        assert "the registry does not answer" in said[1][1]

    @pytest.mark.parametrize(
        ("answer", "state", "words"),
        [
            ((200, "<html>"), "failed", "answers, but is not MLflow"),
            ((404, "none"), "failed", "answers, but is not MLflow"),
            ((401, "who?"), "failed", "lets nobody in without a name (status 401)"),
            ((502, "broken"), "failed", "answers 502: its log says why"),
            ((200, "1.30.0"), "warning", "is 1.30.0, its client here 3."),
        ],
    )
    def test_what_answers_is_not_as_it_should_be(
        self, answer: tuple[int, str], state: str, words: str
    ) -> None:
        with answering({"*": answer}) as uri:
            found = line(self.of(uri), "registry")
        assert found[0] == state
        assert words in found[1]

    @pytest.mark.parametrize("uri", ["nothing", f"postgresql://me:hunter22@{NOBODY}/mlflow"])
    def test_a_database_that_is_none(self, uri: str) -> None:
        state, text = line(self.of(uri), "registry")
        assert (state, "GEOCROP_REGISTRY__URI" in text) == ("failed", True)
        assert "hunter22" not in text

    def test_no_model_yet(self, tmp_path: Path) -> None:
        state, text = line(Settings(data=tmp_path), "model")
        assert state == "failed"
        assert text.startswith("There is no model geocrop-demo yet. Train it")
        assert not any(tmp_path.iterdir())


class TestCatalogue:
    @pytest.mark.parametrize(
        ("answers", "words"),
        [
            ({"*": (200, "<html>")}, "answers, but is no STAC API"),
            ({"*": (200, "[]")}, "answers, but is no STAC API"),
            ({"/": (200, '{"stac_version": "1.0.0"}'), "*": (404, "")}, "has no collection s2_l2a"),
            ({"/": (200, '{"stac_version": "1.0.0"}'), "*": (500, "")}, "answers 500 when asked"),
            ({"*": (503, "")}, "No catalogue answers at"),
        ],
    )
    def test_what_answers_is_not_as_it_should_be(
        self, answers: dict[str, tuple[int, str]], words: str
    ) -> None:
        with answering(answers) as url:
            said = lines(Settings(catalog=CatalogSettings(url=url)), "catalogue", "imagery")
        assert [state for state, _ in said] == ["failed", "failed"]
        assert words in said[0][1]
        assert "gives no usable scene" in said[1][1]

    def test_nobody_listens(self) -> None:
        state, text = line(Settings(catalog=CatalogSettings(url=f"http://{NOBODY}")), "catalogue")
        assert (state, text[:36]) == ("failed", f"No catalogue answers at http://{NOBODY}"[:36])


class TestAddress:
    def test_the_service_is_found_where_it_says_that_it_is(
        self,
        backend: Backend,
        serve: Callable[[Callable[[str], FastAPI]], str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(Settings, "open_registry", lambda *_: Models())
        url = serve(lambda address: create_app(backend.settings(ServiceSettings(url=address))))
        assert line(of_service(url=url), "address") == (
            "ok",
            f"Clients reach the service at {url}.",
        )
        other = url.replace("127.0.0.1", "localhost")
        state, text = line(of_service(url=other), "address")
        assert (state, f"The service at {other} calls itself {url}" in text) == ("failed", True)

    def test_nobody_listens(self) -> None:
        state, text = line(of_service(url=f"http://{NOBODY}"), "address")
        assert (state, text[:24]) == ("failed", "Nothing answers at http:")
        # one that is started on this machine when it is wanted
        assert line(of_service(port=1), "address")[0] == "warning"

    def test_a_proxy_that_leads_elsewhere(self) -> None:
        with answering({"*": (404, "<html>nginx</html>")}) as url:
            state, text = line(of_service(url=url), "address")
        assert (state, "answers 404, but is not GeoCrop" in text) == ("failed", True)


def test_a_part_that_hangs_or_breaks_hides_no_other() -> None:
    ended = threading.Event()

    def hangs(_: Settings) -> Iterator[tuple[Any, str]]:
        ended.wait(60)
        yield "ok", "too late"

    def breaks(_: Settings) -> Iterator[tuple[Any, str]]:
        raise KeyError("x")

    def is_well(_: Settings) -> Iterator[tuple[Any, str]]:
        yield "ok", "fine"

    found = [*examine(Settings(), {"a": hangs, "b": breaks, "c": is_well}, limit_s=0.2)]
    ended.set()
    assert found == [
        Finding("a", "failed", "It has not answered within 0.2 s.", may_pass=True),
        Finding("b", "failed", "It cannot be checked: KeyError: 'x'."),
        Finding("c", "ok", "fine"),
    ]


def test_no_secret_is_told_whoever_repeats_it() -> None:
    settings = Settings(service=ServiceSettings(database="postgresql://me:p%40ss%2Fword@h/x"))

    def repeats(_: Settings) -> Iterator[tuple[Any, str]]:
        yield "failed", "p@ss/word and p%40ss%2Fword of redis://:another@host\nand http://a:b@c"

    (found,) = examine(settings, {"a": repeats})
    assert found.text == "*** and *** of redis://:***@host and http://a:***@c"


def test_every_variable_that_is_wrong_is_told_and_the_other_parts_are_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = {
        "GEOCROP_DATA": str(tmp_path),
        "GEOCROP_CATALOG__URL": f"http://{NOBODY}",
        "GEOCROP_SERVICE__BORKER": "redis://:hunter22@host",
        "GEOCROP_SERVICE__WORKERS": "many",
        "GEOCROP_CALLBACKS__HOSTS": "example.org",
        "GEOCROP_CALLBACKS__SECRET": "hunter22",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(cli, ["doctor", "--json"])
    assert result.exit_code == 1
    assert "hunter22" not in result.output
    found = [(each["part"], each["state"], each["text"]) for each in json.loads(result.stdout)]
    wrong = [text for part, state, text in found if (part, state) == ("settings", "failed")]
    assert wrong[0].startswith(
        "There is no setting GEOCROP_SERVICE__BORKER; GEOCROP_SERVICE__BROKER may"
    )
    assert any(text.startswith("GEOCROP_SERVICE__WORKERS='many' is not usable") for text in wrong)
    assert any(text.startswith("GEOCROP_CALLBACKS__SECRET is not usable") for text in wrong)
    assert {part for part, _, _ in found} == {"settings", *CHECKS}
    plain = CliRunner().invoke(cli, ["doctor"])
    assert [line.split()[0] for line in plain.stdout.splitlines()][:1] == ["ok"]


@pytest.mark.system
def test_a_part_that_is_started_later_is_waited_for(tmp_path: Path) -> None:
    port = free_port()
    settings = Settings(
        data=tmp_path / "data",
        service=ServiceSettings(broker=f"redis://127.0.0.1:{port}/0", start_s=60),
    )
    told: list[str] = []
    with ExitStack() as servers:

        def say(sentence: str) -> None:
            told.append(sentence)
            servers.enter_context(redis_server(tmp_path, port=port))

        wait_for(settings, NEEDED, say)
    (sentence,) = told
    assert sentence.startswith("queue: No queue answers")
    assert (tmp_path / "data" / "storage").is_dir()


def test_a_part_that_does_not_come_is_told_in_the_end(tmp_path: Path) -> None:
    settings = Settings(
        data=tmp_path, service=ServiceSettings(broker=f"redis://{NOBODY}/0", start_s=0)
    )
    with pytest.raises(ServiceUnavailable, match=r"^queue: No queue answers"):
        wait_for(settings, say=lambda _: None)


@pytest.mark.slow
@pytest.mark.parametrize(
    "module", ["geocrop_processes.service.asgi", "geocrop_processes.service.beat"]
)
def test_a_process_that_cannot_begin_ends_with_a_sentence(module: str, tmp_path: Path) -> None:
    variables = {
        "GEOCROP_DATA": str(tmp_path),
        "GEOCROP_SERVICE__BROKER": f"redis://{NOBODY}/0",
        "GEOCROP_SERVICE__START_S": "0",
    }
    ended = subprocess.run(
        [sys.executable, "-m", module],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("queue: No queue answers")
    assert "Traceback" not in ended.stderr
