"""pygeoapi's own application with its PostgreSQL manager, many jobs in its table, many coverages configured."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import rasterio
import yaml
from pygeoapi.process.manager.postgresql import PostgreSQLManager
from rasterio.transform import from_origin
from sqlalchemy import create_engine, insert, make_url

from tests.servers import free_port

_FIRST = datetime(2026, 1, 1, tzinfo=UTC)


@contextmanager
def stock_service(folder: Path, database: str, stored: int) -> Iterator[str]:
    """The address of pygeoapi with so many jobs and coverages."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    where = make_url(database)
    connection = {
        "host": where.host,
        "port": where.port,
        "database": where.database,
        "user": where.username,
        "password": "",
    }
    manager = {
        "name": "PostgreSQL",
        "connection": connection,
        "output_dir": str(folder),
    }
    _fill(manager, database, stored)
    image = folder / "map.tif"
    _write(image)
    config, document = folder / "stock.yml", folder / "openapi.yml"
    few = _configuration(url, manager, image, 1)
    config.write_text(yaml.safe_dump(few))
    variables = {**os.environ, "PYGEOAPI_CONFIG": str(config), "PYGEOAPI_OPENAPI": str(document)}
    generate = "from pygeoapi.openapi import generate; generate()"
    # of one collection: the document of all of them is not what is measured
    command = [sys.executable, "-c", generate, str(config), "--output-file", str(document)]
    subprocess.run(command, env=variables, check=True)
    config.write_text(yaml.safe_dump(_configuration(url, manager, image, stored)))
    server = [*(sys.executable, "-m", "uvicorn"), "pygeoapi.starlette_app:APP"]
    server += ["--port", str(port), "--log-level", "warning", "--no-access-log"]
    with subprocess.Popen(server, env=variables) as process:
        try:
            _wait(f"{url}/conformance", process)
            yield url
        finally:
            process.terminate()


def _fill(manager: dict[str, Any], database: str, stored: int) -> None:
    """Write jobs into the manager's own table."""
    table = PostgreSQLManager({"name": "PostgreSQL", **manager}).table_model
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(insert(table), [_job(number) for number in range(stored)])
        connection.exec_driver_sql("ANALYZE")
    engine.dispose()


def _job(number: int) -> dict[str, Any]:
    at = (_FIRST + timedelta(minutes=number)).replace(tzinfo=None)
    return {
        "identifier": f"job-{number:05d}",
        "process_id": "hello-world",
        "created": at,
        "started": at,
        "finished": at + timedelta(seconds=90),
        "updated": at + timedelta(seconds=90),
        "status": "successful",
        "mimetype": "application/json",
        "message": "Job complete",
        "progress": 100,
    }


def _write(path: Path) -> None:
    """A class map of the size of a small AOI's."""
    profile = {
        "driver": "GTiff",
        "width": 120,
        "height": 120,
        "count": 1,
        "dtype": "uint8",
        "crs": "EPSG:32736",
        "transform": from_origin(200_000, 8_080_000, 10, 10),
        "nodata": 0,
    }
    with rasterio.open(path, "w", **profile) as image:
        image.write(np.ones((1, 120, 120), np.uint8))


def _configuration(url: str, manager: dict[str, Any], image: Path, stored: int) -> dict[str, Any]:
    coverage = {
        "type": "coverage",
        "name": "rasterio",
        "data": str(image),
        "format": {"name": "GTiff", "mimetype": "image/tiff"},
    }
    collections = {
        f"job-{number:05d}": {
            "type": "collection",
            "title": f"Crop types {number}",
            "description": "A map of crop types.",
            "keywords": ["crop type"],
            "extents": {"spatial": {"bbox": [30, -18, 31, -17]}},
            "providers": [coverage],
        }
        for number in range(stored)
    }
    named = {
        "title": "Stock",
        "description": "pygeoapi as it comes.",
        "keywords": ["test"],
        "keywords_type": "theme",
        "terms_of_service": "https://example.org",
        "url": "https://example.org",
    }
    return {
        "server": {
            "bind": {"host": "127.0.0.1", "port": 0},
            "url": url,
            "mimetype": "application/json; charset=UTF-8",
            "encoding": "utf-8",
            "language": "en-US",
            "limits": {"default_items": 100, "max_items": 100},
            "map": {"url": "https://example.org/{z}/{x}/{y}.png", "attribution": "none"},
            "manager": manager,
        },
        "logging": {"level": "ERROR"},
        "metadata": {
            "identification": named,
            "license": {"name": "none", "url": "https://example.org"},
            "provider": {"name": "none", "url": "https://example.org"},
            "contact": {"name": "none"},
        },
        "resources": {
            "hello-world": {"type": "process", "processor": {"name": "HelloWorld"}},
            **collections,
        },
    }


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=60).close()  # noqa: S310 - our own server
        except URLError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"pygeoapi ended with {process.returncode}.")
