"""Class maps of products as map tiles, by TiTiler: only of published jobs, in their own colours.

Of TiTiler's parameters only those are offered that keep a class map what it is: pixels are taken, never mixed,
and an address opens nothing but a product.
"""

import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Annotated, Any

import morecantile
import rasterio
from attrs import define
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from rasterio.errors import RasterioIOError
from rio_tiler.errors import TileOutsideBounds
from starlette.concurrency import run_in_threadpool
from titiler.core.dependencies import DefaultDependency
from titiler.core.factory import TilerFactory
from titiler.core.resources.enums import ImageType
from titiler.core.utils import render_image

from geocrop_processes.publish.assets import KINDS
from geocrop_processes.service.assets import object_key, published
from geocrop_processes.service.jobs import JobStore
from geocrop_processes.service.problems import BLANK, Problem, invalid
from geocrop_processes.service.unreadable import Unreadable, explained
from geocrop_processes.service.urls import public_url
from geocrop_processes.settings import Settings
from geocrop_processes.storage import RESULTS, Storage
from geocrop_processes.storage.rasters import forget

logger = logging.getLogger(__name__)

PREFIX = "/tiles"
"""Where the tiles begin."""
MAX_ZOOM = 22
"""A pixel of a map is some 300 pixels wide there."""
MAX_SIDE = 1024
"""The widest tile in pixels."""

SCHEME = "WebMercatorQuad"
_SCHEMES = morecantile.defaults.TileMatrixSets({SCHEME: morecantile.tms.get(SCHEME)})


_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class _Route(APIRoute):
    """A route that says what cannot be had as a client's error, and tries once more what cannot be read."""

    def get_route_handler(self) -> _Handler:
        """The handler that FastAPI calls."""
        handle = super().get_route_handler()

        async def handle_and_explain(request: Request) -> Response:
            try:
                with suppress(Unreadable):
                    return await _read(handle, request)
                return await _read(handle, request)
            except TileOutsideBounds as error:
                raise Problem(404, "No such tile", "The map has no pixel there.", BLANK) from error
            except Unreadable as error:
                storage = request.state.storage
                raise await run_in_threadpool(explained, storage, error) from error
            except RequestValidationError as error:
                first = error.errors()[0]
                raise invalid(f"{first['loc'][-1]} is not usable: {first['msg']}.") from error

        return handle_and_explain


async def _read(handle: _Handler, request: Request) -> Response:
    """Have a route answer.

    Raises:
        Unreadable: the file of the map cannot be read.
    """
    try:
        return await handle(request)
    except RasterioIOError as error:
        address, storage = request.state.address, request.state.storage
        logger.warning("%s: %s", request.url.path, error)
        await run_in_threadpool(_forget, storage, address)
        raise Unreadable(address) from error


def _forget(storage: Storage, address: str) -> None:
    with rasterio.Env(**storage.gdal_options()):
        forget(address)


class _Router(APIRouter):
    """Leaves out the second `tiles` of TiTiler's addresses: all of these are tiles."""

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        """Add a route."""
        super().add_api_route(path.removeprefix("/tiles"), endpoint, **options)


@define(kw_only=True)
class _Tiler(TilerFactory):
    """TiTiler's tiles and TileJSON, and no more of it."""

    settings: Settings

    def register_routes(self) -> None:
        """Add the routes."""
        self.tile()  # type: ignore[no-untyped-call]
        self.tilejson()  # type: ignore[no-untyped-call]

    def url_for(self, request: Request, name: str, **path_params: Any) -> str:
        """The address that clients see, also behind a proxy."""
        path = self.router.url_path_for(name, **path_params)
        return f"{public_url(self.settings)}{PREFIX}/{request.path_params['job_id']}{path}"


def tilejson_url(settings: Settings, job_id: str) -> str:
    """Where map clients find the tiles of a product."""
    return f"{public_url(settings)}{PREFIX}/{job_id}/{SCHEME}/tilejson.json"


def tiles_router(settings: Settings, store: JobStore, storage: Storage | None = None) -> APIRouter:
    """The routes of tiles: `/tiles/{job_id}/WebMercatorQuad/{z}/{x}/{y}` and `.../tilejson.json`."""
    objects = storage or settings.open_storage()

    def class_map(
        request: Request, job_id: Annotated[str, Path(description="The job of a product.")]
    ) -> str:
        key = object_key(published(store, job_id), KINDS["class-map"].file_name)
        request.state.storage, request.state.address = objects, objects.url(RESULTS, key)
        return str(request.state.address)

    tiler = _Tiler(
        settings=settings,
        router=_Router(route_class=_Route),
        supported_tms=_SCHEMES,
        path_dependency=class_map,
        layer_dependency=DefaultDependency,
        dataset_dependency=_Nearest,
        tile_dependency=DefaultDependency,
        process_dependency=_none,
        colormap_dependency=_none,
        render_dependency=DefaultDependency,
        render_func=_render,
        environment_dependency=objects.gdal_options,
        name="tiles",
    )
    router = APIRouter(prefix=f"{PREFIX}/{{job_id}}", tags=["Tiles"])
    router.include_router(tiler.router, dependencies=[Depends(_bounded)])
    return router


class _Nearest(DefaultDependency):
    """Class codes are taken from the nearest pixel; means of them mean nothing."""

    def as_dict(self, exclude_none: bool = True) -> dict[str, Any]:  # noqa: FBT001, FBT002 (TiTiler's)
        """What is handed to the reader."""
        del exclude_none
        return {"resampling_method": "nearest", "reproject_method": "nearest"}


def _none() -> None:
    """The file's own colours; no algorithm."""


def _bounded(
    request: Request,
    tilesize: Annotated[int | None, Query(gt=0, le=MAX_SIDE)] = None,
    minzoom: Annotated[int | None, Query(ge=0, le=MAX_ZOOM)] = None,
    maxzoom: Annotated[int | None, Query(ge=0, le=MAX_ZOOM)] = None,
) -> None:
    """Refuse tiles that would take the machine's memory, lie deeper than any pixel, or beside the world."""
    del tilesize, minzoom, maxzoom
    with suppress(ValueError):  # what is no number is refused by the route itself
        if not 0 <= int(request.path_params.get("z", "0")[:9]) <= MAX_ZOOM:
            detail = f"The zoom levels are 0 to {MAX_ZOOM}."
            raise Problem(404, "No such tile", detail, BLANK)
        zoom, *place = (int(request.path_params.get(name, "0")) for name in "zxy")
        if not all(0 <= number < 2**zoom for number in place):
            detail = f"Columns and rows of the zoom level {zoom} are 0 to {2**zoom - 1}."
            raise Problem(404, "No such tile", detail, BLANK)


def _render(image: Any, *, output_format: ImageType | None = None, **options: Any) -> Any:
    """PNG unless another format is asked for: TiTiler would take JPEG, whose colours bleed, for full tiles."""
    return render_image(image, output_format=output_format or ImageType.png, **options)
