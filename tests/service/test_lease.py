import time
from typing import NoReturn

import pytest

from geocrop_processes.errors import StoreUnavailable
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.lease import kept


@pytest.mark.parametrize(
    "error",
    [StoreUnavailable("The job store does not answer: it is locked."), ZeroDivisionError("odd")],
)
def test_a_store_that_is_away_for_a_moment_loses_no_lease(
    error: Exception,
    store: JobStore,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def away(_step: object) -> NoReturn:
        raise error

    store.add("a", "echo", {}, {})
    step = store.claim(["run"])
    assert step is not None
    store.lease_s = 0.15
    with kept(store, step) as lost:
        with monkeypatch.context() as patched:
            patched.setattr(store, "renew", away)
            time.sleep(0.12)
        time.sleep(0.12)
    assert not lost.is_set()
    assert "job a: the lease of run" in caplog.text
    assert str(error) in caplog.text
    assert store.finished(step, {"outputs": {}}, None)


def test_whoever_holds_a_lost_lease_is_told(store: JobStore) -> None:
    store.add("a", "echo", {}, {})
    step = store.claim(["run"])
    assert step is not None
    store.lease_s = 0.06
    with kept(store, step) as lost:
        assert not lost.is_set()
        store.dismiss("a")
        assert lost.wait(5)
