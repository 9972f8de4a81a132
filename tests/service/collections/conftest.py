"""The routes of collections over products that tests only read."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.testclient import TestClient

from geocrop_processes.service.assets import assets_router
from geocrop_processes.service.collections.routes import collections_router
from geocrop_processes.service.problems import Problem, invalid
from geocrop_processes.service.stac.search import sentence
from geocrop_processes.service.tiles import tiles_router


@pytest.fixture(scope="session")
def app_of() -> Callable[..., FastAPI]:
    """An application of files, tiles and collections alone, of a shop and perhaps other settings."""

    def make(shop: Any, settings: Any = None) -> FastAPI:
        app, settings = FastAPI(), settings or shop.settings
        app.add_exception_handler(Problem, lambda _, error: error.response())
        app.add_exception_handler(
            RequestValidationError, lambda _, error: invalid(sentence(error)).response()
        )
        app.include_router(assets_router(settings, shop.store, shop.storage))
        app.include_router(collections_router(settings, shop.store, shop.storage))
        app.include_router(tiles_router(settings, shop.store, shop.storage))
        return app

    return make


@pytest.fixture(scope="module")
def client(shelf: Any, app_of: Callable[..., FastAPI]) -> Iterator[TestClient]:
    with TestClient(app_of(shelf)) as opened:
        yield opened
