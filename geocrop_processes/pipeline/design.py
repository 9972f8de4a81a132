"""Which points of a map a person should label, and what the map says of them, kept apart."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO

from geocrop_processes.errors import InvalidSample
from geocrop_processes.models.sampling import LEAST, TARGET_ERROR, draw, sample_sizes
from geocrop_processes.pipeline.class_map import ClassMap
from geocrop_processes.pipeline.labels import CSV, GEOJSON

EXPECTED = 0.8
"""The user's accuracy that is expected of a class where nothing is known of it."""


@dataclass(frozen=True)
class Design:
    """Points to label, in an order that tells nothing of their classes."""

    points: bytes
    """GeoJSON or CSV without what the map says, with an empty `class`: for whoever labels."""
    strata: bytes
    """CSV of what the map says of each point, for the assessment: to be kept from whoever labels."""
    sizes: Mapping[int, int]
    """Points by class code."""


@dataclass(frozen=True)
class Strata:
    """What the map said when its sample was drawn."""

    of_point: Mapping[str, int]
    """The class code, by the point's id."""
    pixels: Mapping[int, int]
    """How many pixels there were of each, by code."""


def design_sample(  # noqa: PLR0913 - what the paper's rule is fed with, each by its name
    class_map: bytes,
    *,
    expected: Mapping[int, float],
    year: int,
    target_error: float = TARGET_ERROR,
    least: int = LEAST,
    seed: int = 1,
    media_type: str = GEOJSON,
) -> Design:
    """Draw a stratified random sample of a class map, by the rule of Olofsson et al. 2014 (`models.sampling`).

    Args:
        class_map: the COG.
        expected: user's accuracies that are expected, by class code; 0.8 where none is given.
        year: the season, written beside each point.
        target_error: standard error of overall accuracy to aim at.
        least: points of a rare class.
        seed: the same seed draws the same points.
        media_type: of the points: GeoJSON or CSV.

    Raises:
        InvalidSample: the map is none of GeoCrop's, or as `models.sampling` says.
    """
    drawn_from = ClassMap.of(class_map)
    pixels = drawn_from.pixels
    users = {code: expected.get(code, EXPECTED) for code in pixels}
    sizes = sample_sizes(pixels, users, target_error=target_error, least=least)
    points = draw(drawn_from.classes, sizes, seed=seed)
    lon, lat = drawn_from.centres(points.rows, points.columns)
    width = len(str(len(points.codes)))
    rows = [
        # a ten-millionth of a degree is a centimetre
        {
            # a letter, or spreadsheets take the zeros away
            "id": f"p{n:0{width}d}",
            "lon": round(x, 7),
            "lat": round(y, 7),
            "season": year,
            "class": "",
        }
        for n, (x, y) in enumerate(zip(lon.tolist(), lat.tolist(), strict=True), start=1)
    ]
    strata = [
        {
            "id": row["id"],
            "stratum": code,
            "class": drawn_from.legend.name_of(code),
            "pixels": pixels[code],
        }
        for row, code in zip(rows, points.codes.tolist(), strict=True)
    ]
    found = _csv(rows) if media_type == CSV else _geojson(rows)
    return Design(found, _csv(strata), sizes)


def read_strata(content: bytes) -> Strata:
    """The strata that a design was written with.

    Raises:
        InvalidSample: it is no such CSV.
    """
    of_point: dict[str, int] = {}
    pixels: dict[int, int] = {}
    try:
        for row in csv.DictReader(StringIO(content.decode("utf-8-sig")), strict=True):
            of_point[row["id"].strip()] = int(row["stratum"])
            pixels[int(row["stratum"])] = int(row["pixels"])
    except (
        UnicodeDecodeError,
        csv.Error,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
    ) as error:
        raise InvalidSample(
            f"The strata are a CSV with the columns id, stratum and pixels, as sample-design writes it: {error!r}."
        ) from error
    if not of_point or min(pixels.values()) < 1:
        raise InvalidSample("The strata name no point, or a stratum without pixels.")
    return Strata(of_point, pixels)


def _csv(rows: list[dict[str, object]]) -> bytes:
    text = StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _geojson(rows: list[dict[str, object]]) -> bytes:
    features = [
        {
            "type": "Feature",
            "id": row["id"],
            "geometry": {"type": "Point", "coordinates": [row["lon"], row["lat"]]},
            "properties": {"id": row["id"], "season": row["season"], "class": None},
        }
        for row in rows
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, indent=1).encode()
