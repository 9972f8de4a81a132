"""The parts of the service that clients of the STAC API use, over a shop of products."""

from typing import Any

from fastapi import FastAPI

from geocrop_processes.service.assets import assets_router
from geocrop_processes.service.openapi.document import document
from geocrop_processes.service.problems import Problem
from geocrop_processes.service.stac.api import add_catalog
from geocrop_processes.service.tiles import tiles_router
from geocrop_processes.settings import ServiceSettings


def application(shop: Any, url: str) -> FastAPI:
    """Files, tiles and the STAC API, at an address."""
    settings = shop.settings.model_copy(update={"service": ServiceSettings(url=url)})
    app = FastAPI()
    app.include_router(assets_router(settings, shop.store, shop.storage))
    app.include_router(tiles_router(settings, shop.store, shop.storage))
    add_catalog(app, settings, shop.store)
    app.add_exception_handler(Problem, lambda _, error: error.response())
    app.openapi = lambda: document(app, settings, {})  # type: ignore[method-assign]
    return app
