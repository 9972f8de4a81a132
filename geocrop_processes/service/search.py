"""What a search of the catalogue asks, understood or refused with a reason."""

from collections.abc import Mapping
from typing import Any

import attr
import shapely
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError, model_validator
from stac_fastapi.api.models import ItemCollectionUri
from stac_fastapi.extensions.pagination.request import GETOffsetPagination, POSTOffsetPagination
from stac_fastapi.types.rfc3339 import str_to_interval
from stac_fastapi.types.search import BaseSearchGetRequest, BaseSearchPostRequest

from geocrop_processes.service.edge import check_text
from geocrop_processes.service.problems import invalid

MAX_LIMIT = 1000
"""The most items on a page, whoever asks for more gets so many; and the most ids that a search may name."""

MAX_VERTICES = 10_000
"""The most points of a geometry that a search may name."""

_DEFAULT_LIMIT = 10
_MAX_OFFSET = 2**31 - 1

Box = tuple[float, float, float, float]


@attr.s
class SearchGet(BaseSearchGetRequest, GETOffsetPagination):
    """The parameters of a search by GET."""


@attr.s
class ItemsGet(ItemCollectionUri, GETOffsetPagination):
    """The parameters of a list of items."""


class Search(BaseSearchPostRequest, POSTOffsetPagination):
    """What is searched: the body of a POST."""

    @model_validator(mode="before")
    @classmethod
    def _is_an_object(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            # the validator that this class inherits would end in an AttributeError
            raise ValueError("a search is a JSON object")  # noqa: TRY004 (pydantic reports only this kind)
        return values

    @property
    def count(self) -> int:
        """The most items of the page."""
        return min(self.limit or _DEFAULT_LIMIT, MAX_LIMIT)

    @property
    def first(self) -> int:
        """How many items are on the pages before."""
        return self.offset or 0

    def conditions(self) -> dict[str, Any]:
        """What the store is asked for.

        Raises:
            Problem: the box is none on the Earth.
        """
        interval = str_to_interval(self.datetime)
        start, end = interval if isinstance(interval, tuple) else (interval, interval)
        return {
            "collections": self.collections or None,
            "ids": self.ids or None,
            "bbox": None if self.bbox is None else box_of(self.bbox),
            "start": start,
            "end": end,
        }

    def area(self) -> Any:
        """The geometry that items must meet where the store's boxes cannot tell; else None.

        Raises:
            Problem: it has too many points.
        """
        if self.bbox is not None:
            west, south, east, north = box_of(self.bbox)
            # over the antimeridian: a box on either side
            sides = [(west, south, 180, north), (-180, south, east, north)]
            return None if west <= east else shapely.union_all([shapely.box(*s) for s in sides])
        if self.intersects is None:
            return None
        shape = shapely.geometry.shape(self.intersects.model_dump())
        if shapely.get_num_coordinates(shape) > MAX_VERTICES:
            raise invalid(f"intersects has more than {MAX_VERTICES} points.")
        return shape


def parse(values: Mapping[str, Any]) -> Search:
    """Understand parameters; None leaves one out.

    Raises:
        Problem: one of them has an unusable value (400).
    """
    given = {key: value for key, value in values.items() if value is not None}
    check_text(given)
    try:
        search = Search.model_validate(given)
    except ValidationError as error:
        raise invalid(sentence(error)) from error
    if not 0 <= search.first <= _MAX_OFFSET:
        raise invalid(f"offset must be 0 or more, not {search.offset}.")
    for name, named in (("ids", search.ids), ("collections", search.collections)):
        if len(named or ()) > MAX_LIMIT:
            raise invalid(f"{name} holds more than {MAX_LIMIT} values.")
    return search


def sentence(error: ValidationError | RequestValidationError) -> str:
    """The first of the errors in a sentence."""
    first = error.errors()[0]
    names = [str(part) for part in first["loc"] if part not in {"body", "query", "path"}]
    return f"{'.'.join(names) or 'The search'} is not usable: {first['msg']}."


def box_of(numbers: Any) -> Box:
    """West, south, east, north of four or six numbers; heights are left out.

    Raises:
        Problem: they are none on the Earth; west may be east of east, over the antimeridian.
    """
    sides = [float(n) for n in numbers]
    west, south, east, north = sides if len(sides) == 4 else sides[:2] + sides[3:5]
    if not (all(-180 <= x <= 180 for x in (west, east)) and -90 <= south <= north <= 90):
        raise invalid(f"The sides of a box are west, south, east, north in degrees, not {sides}.")
    return west, south, east, north
