"""Thousands of requests made from the OpenAPI document, good and bad: every answer is as the document says."""

import base64
from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.hooks import GLOBAL_HOOK_DISPATCHER
from schemathesis.schemas import BaseSchema

from geocrop_processes.service import manager
from geocrop_processes.service.app import create_app
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.settings import ServiceSettings, Settings
from tests import tables
from tests.service.asking import Models
from tests.service.schema_cases import Known

LEAST = 5000
EXAMPLES = 10
SEED = 20261123
ACCEPTED = ["2xx", "3xx", "404", "410", "412", "413"]
REFUSED = ["400", "404", "405", "410", "413"]

pytestmark = [
    pytest.mark.slow,
    # boxes that lie over the antimeridian are asked for
    pytest.mark.filterwarnings("ignore:BBOX crossing the Antimeridian"),
]


@pytest.fixture
def app(shop: Any, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """One published map, one model, and nobody who does the jobs that are made."""
    monkeypatch.setattr(Settings, "open_registry", lambda *_: Models())
    monkeypatch.setattr(manager, "publish", lambda _settings: None)
    shop.store.add("job-1", "crop-classification", {"aoi": [30.2, -17.36, 600.0], "year": 2022}, {})
    shop.complete("job-1")
    service = ServiceSettings(url="http://testserver")
    settings = shop.settings.model_copy(update={"service": service})
    return create_app(settings, store=shop.store)


@pytest.fixture
def known(store: JobStore) -> Iterator[None]:
    numbers = count()

    def spare() -> str:
        name = f"spare-{next(numbers)}"
        store.add(name, "echo", {"message": "x"}, {})
        return name

    content = tables.parquet(tables.rows("", n=30))
    table = {"value": base64.b64encode(content).decode(), "encoding": "base64"}
    hook = Known(spare, table).before_call
    GLOBAL_HOOK_DISPATCHER.register_hook_with_name(hook, "before_call")
    yield
    GLOBAL_HOOK_DISPATCHER.unregister(hook)


@pytest.mark.usefixtures("known")
def test_every_answer_is_as_the_document_says(app: FastAPI) -> None:
    config = SchemathesisConfig.from_dict(
        {
            "seed": SEED,
            "continue-on-failure": True,
            # what was asked for rightly can be gone, such as a dismissed job's results, more than is given at once,
            # or be wanted only as another version than there is (If-Match)
            "checks": {
                "positive_data_acceptance": {"expected-statuses": ACCEPTED},
                "negative_data_rejection": {"expected-statuses": REFUSED},
            },
            "generation": {
                "deterministic": True,
                "database": "none",
                "max-examples": EXAMPLES,
                # no text of a request may hold a NUL, which a schema of OpenAPI 3.0 cannot say of every text
                "allow-x00": False,
            },
        }
    )
    schema: BaseSchema = schemathesis.openapi.from_asgi("/openapi", app, config=config)
    found: dict[str, str] = {}
    statuses: Counter[int] = Counter()
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            found[str(event)[:200]] = str(event)
        if isinstance(event, events.ScenarioFinished):
            record(event, statuses, found)
    print(f"{statuses.total()} cases: {dict(statuses)}")  # noqa: T201 - a figure to keep
    assert not found, "\n\n".join(found.values())
    assert statuses.total() >= LEAST


def record(event: events.ScenarioFinished, statuses: Counter[int], found: dict[str, str]) -> None:
    """Count the answers of a scenario, and keep the first failure of each kind."""
    recorder = event.recorder
    for key, exchange in recorder.interactions.items():
        answer = exchange.response
        statuses[answer.status_code if answer else 0] += 1
        for check in recorder.checks.get(key, []):
            if check.failure_info is not None and answer is not None:
                case = recorder.cases[key].value
                failure = check.failure_info.failure
                kind = f"{recorder.label} {check.name} {answer.status_code} {failure.title}"
                found.setdefault(
                    kind,
                    f"{kind}\n{failure.message[:600]}\n{answer.request.method} {str(answer.request.url)[:500]}\n"
                    f"{str(case.body)[:600]}\n{(answer.text or '')[:400]}",
                )
