"""Clients that we did not write read the pixels over real HTTP: GDAL, rasterio, OWSLib."""

import json
import shutil
import subprocess
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import rasterio
from fastapi import FastAPI
from owslib.ogcapi.coverages import Coverages
from owslib.wmts import WebMapTileService

from geocrop_processes.settings import ServiceSettings

# OWSLib leaves connections to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

GDAL_OPTIONS = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_HTTP_MAX_RETRY": "0"}


@pytest.fixture
def url(
    shelf: Any,
    app_of: Callable[..., FastAPI],
    serve: Callable[[Callable[[str], FastAPI]], str],
) -> str:
    def app(address: str) -> FastAPI:
        service = ServiceSettings(url=address)
        made = app_of(shelf, shelf.settings.model_copy(update={"service": service}))
        # what OWSLib reads first
        made.get("/")(lambda: {"links": []})
        return made

    return serve(app)


def stored(shelf: Any, name: str) -> Any:
    with rasterio.open(shelf.folder / "west" / name) as source:
        return source.read(), source.transform, source.crs


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("/collections/west/coverage", "class-map.tif"),
        ("/assets/west/class-map.tif", "class-map.tif"),
        ("/assets/west/confidence.tif", "confidence.tif"),
    ],
)
def test_gdal_reads_the_coverage_and_the_files_by_ranges_with_equal_values(
    shelf: Any, url: str, path: str, file: str
) -> None:
    values, transform, crs = stored(shelf, file)
    with rasterio.Env(**GDAL_OPTIONS), rasterio.open(f"/vsicurl/{url}{path}") as found:
        assert (found.crs, found.transform) == (crs, transform)
        assert (found.read() == values).all()
        window = rasterio.windows.Window(40, 50, 20, 10)
        assert (found.read(window=window) == values[:, 50:60, 40:60]).all()


def test_gdal_reads_an_answer_that_is_computed(shelf: Any, url: str) -> None:
    values, _transform, _crs = stored(shelf, "confidence.tif")
    address = f"/vsicurl/{url}/collections/west/coverage?properties=margin,top&f=cog"
    with rasterio.Env(**GDAL_OPTIONS), rasterio.open(address) as found:
        assert (found.read() == values[[1, 0]]).all()


@pytest.mark.system
def test_the_gdal_of_debian_reads_the_coverage_the_collection_and_the_wmts(
    shelf: Any, url: str, tmp_path: Any
) -> None:
    """Its drivers of OGC API and WMTS find the pixels by the links and capabilities alone."""
    if shutil.which("gdal_translate") is None:
        pytest.skip("gdal_translate of the Debian package gdal-bin is not there")
    values, _transform, _crs = stored(shelf, "class-map.tif")
    translate(f"/vsicurl/{url}/collections/west/coverage", tmp_path / "whole.tif")
    with rasterio.open(tmp_path / "whole.tif") as found:
        assert (found.read() == values).all()
    said = info(f"OGCAPI:{url}/collections/west")
    assert said["size"][0] == pytest.approx(117, abs=2)
    translate(f"OGCAPI:{url}/collections/west", tmp_path / "degrees.tif")
    with rasterio.open(tmp_path / "degrees.tif") as found:
        assert set(np.unique(found.read(1))) == {0, 1, 4, 13}
    said = info(f"WMTS:{url}/collections/west/wmts")
    assert len(said["bands"]) == 4
    assert "3857" in said["coordinateSystem"]["wkt"]
    translate(f"WMTS:{url}/collections/west/wmts", tmp_path / "tiles.tif", "-outsize", "256", "0")
    with rasterio.open(tmp_path / "tiles.tif") as found:
        assert found.read(4).any()


def translate(source: str, target: Any, *options: str) -> None:
    subprocess.run(["gdal_translate", "-q", *options, source, target], check=True)


def info(source: str) -> Any:
    found = subprocess.run(["gdalinfo", "-json", source], check=True, capture_output=True)
    return json.loads(found.stdout)


def test_owslib_lists_describes_and_reads_coverages(shelf: Any, url: str) -> None:
    values, _transform, _crs = stored(shelf, "confidence.tif")
    client = Coverages(url)
    assert client.coverages() == ["crop-maps", "east", "west", "old"]
    assert client.collection("west")["extent"]["spatial"]["bbox"]
    assert list(client.collection_schema("west")["properties"])[:2] == ["class", "top"]
    content = client.coverage(
        "west",
        properties=["top", "class"],
        subset={
            "E": (202000, 202200),
            "N": (8078000, 8078100),
            "time": ("2022-09-01", "2023-05-31"),
        },
    )
    with rasterio.open(BytesIO(content.read())) as found:
        assert found.descriptions == ("top", "class")
        assert (found.read(1) == values[0][96:106, 18:38]).all()
    scaled = client.coverage("west", scale_size=[("E", 30), ("N", 20)])
    with rasterio.open(BytesIO(scaled.read())) as found:
        assert found.shape == (20, 30)
    halved = client.coverage("west", scale_factor=2, datetime=("2022-09-01", "2023-05-31"))
    with rasterio.open(BytesIO(halved.read())) as found:
        assert found.shape == (61, 61)
    whole = client.coverage("crop-maps", subset=[("Lon", 30.19, 30.21), ("Lat", -17.37, -17.35)])
    with rasterio.open(BytesIO(whole.read())) as found:
        assert found.read(1).any()


def test_owslib_reads_the_wmts_and_a_tile_by_its_template(url: str) -> None:
    client = WebMapTileService(f"{url}/collections/west/wmts")
    layer = client.contents["west"]
    assert layer.boundingBoxWGS84 == pytest.approx((30.1943, -17.3655, 30.2057, -17.3545), abs=2e-4)
    assert list(client.tilematrixsets) == ["WebMercatorQuad"]
    resource = layer.resourceURLs[0]
    assert resource["format"] == "image/png"
    assert resource["template"].endswith(
        "/tiles/west/WebMercatorQuad/{TileMatrix}/{TileCol}/{TileRow}.png"
    )
