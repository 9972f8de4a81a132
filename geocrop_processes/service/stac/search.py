"""What a search of the catalogue asks, understood or refused with a reason."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import attr
from fastapi.exceptions import RequestValidationError
from pydantic import Field, ValidationError, model_validator
from stac_fastapi.api.models import ItemCollectionUri
from stac_fastapi.extensions.fields.request import (
    FieldsExtensionGetRequest,
    FieldsExtensionPostRequest,
    PostFieldsExtension,
)
from stac_fastapi.extensions.filter.request import (
    FilterExtensionGetRequest,
    FilterExtensionPostRequest,
)
from stac_fastapi.extensions.pagination.request import GETOffsetPagination, POSTOffsetPagination
from stac_fastapi.extensions.sort.request import SortExtensionGetRequest, SortExtensionPostRequest
from stac_fastapi.types.rfc3339 import str_to_interval
from stac_fastapi.types.search import BaseSearchGetRequest, BaseSearchPostRequest

from geocrop_processes.service.edge import check_text
from geocrop_processes.service.problems import invalid
from geocrop_processes.service.products import Condition
from geocrop_processes.service.stac import cql2
from geocrop_processes.service.stac.areas import area_of, area_of_box, box_of
from geocrop_processes.service.stac.condition import condition
from geocrop_processes.service.stac.queryables import sortable

MAX_LIMIT = 1000
"""The most items on a page, whoever asks for more gets so many; and the most ids that a search may name."""
MAX_NAMES = 100
"""The most fields that a search may name, and the most characters of each."""
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
"""Longitude and latitude in degrees: the only reference system of filters."""

_DEFAULT_LIMIT = 10
_MAX_OFFSET = 2**31 - 1


@attr.s
class SearchGet(
    BaseSearchGetRequest,
    GETOffsetPagination,
    FilterExtensionGetRequest,
    SortExtensionGetRequest,
    FieldsExtensionGetRequest,
):
    """The parameters of a search by GET."""


@attr.s
class ItemsGet(
    ItemCollectionUri,
    GETOffsetPagination,
    FilterExtensionGetRequest,
    SortExtensionGetRequest,
    FieldsExtensionGetRequest,
):
    """The parameters of a list of items."""


class Search(
    BaseSearchPostRequest,
    POSTOffsetPagination,
    FilterExtensionPostRequest,
    SortExtensionPostRequest,
    FieldsExtensionPostRequest,
):
    """What is searched: the body of a POST."""

    # texts as well, which stac-fastapi takes by GET alone
    filter_expr: dict[str, Any] | str | None = Field(  # type: ignore[assignment]
        None, alias="filter", description="A filter in CQL2: JSON, or a text."
    )
    filter_lang: Literal["cql2-json", "cql2-text"] | None = Field(  # type: ignore[assignment]
        None,
        alias="filter-lang",
        description="The language of the filter; by its kind where it is left out.",
    )
    # checked by `parse`, whose words are for people
    offset: int | None = Field(
        None,
        description="How many items come before the page.",
        json_schema_extra={"minimum": 0, "maximum": _MAX_OFFSET},
    )
    fields: PostFieldsExtension | None = Field(
        None, description="Which members of items are given; all where it is left out."
    )

    @model_validator(mode="before")
    @classmethod
    def _is_an_object(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            # the validator that this class inherits would end in an AttributeError
            raise ValueError("a search is a JSON object")  # noqa: TRY004 (pydantic reports only this kind)
        if "fields" in values and values["fields"] is None:
            raise ValueError("fields is null; it is an object with include and exclude")
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
            Problem: the box is none on the Earth, or another value is unusable.
        """
        interval = str_to_interval(self.datetime)
        start, end = interval if isinstance(interval, tuple) else (interval, interval)
        box = None if self.bbox is None else box_of(self.bbox)
        over = box is not None and box[0] > box[2]
        area = area_of_box(box) if box is not None and over else None
        if self.intersects is not None:
            area = area_of(self.intersects.model_dump(), "intersects")
        return {
            "collections": self.collections or None,
            "ids": self.ids or None,
            "bbox": None if over else box,
            "start": start,
            "end": end,
            "area": area,
            "condition": self.condition(),
            "order": self.order(),
        }

    def condition(self) -> Condition | None:
        """The filter.

        Raises:
            Problem: it is no CQL2, or in another reference system (400).
        """
        if self.filter_crs not in {None, "", CRS84}:
            raise invalid(f"filter-crs is {self.filter_crs!r}; allowed is {CRS84}.")
        if self.filter_expr is None:
            return None
        return condition(cql2.parse(self.filter_expr, self.filter_lang))

    def order(self) -> Sequence[Any]:
        """What items are sorted by before their age; those without a value come last.

        Raises:
            Problem: nothing can be sorted by it (400).
        """
        clauses = []
        for each in self.sortby or []:
            column = sortable(each.field)
            clauses.append((column.desc() if each.direction == "desc" else column).nulls_last())
        return clauses


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
    _check_names(search)
    return search


def of_parameters(given: Mapping[str, Any], *, some_fields: bool) -> Search:
    """Understand the parameters of a GET.

    Args:
        given: by the names of `SearchGet` and `ItemsGet`.
        some_fields: whether there is a parameter `fields`, if only an empty one.

    Raises:
        Problem: one of them has an unusable value (400).
    """
    values = dict(given)
    language = values.pop("filter_lang", None)
    said = values.pop("filter_expr", None)
    values["filter"] = _json(said, "filter") if language == "cql2-json" else said
    values["filter-lang"] = None if said is None else language
    values["filter-crs"] = values.pop("filter_crs", None)
    values["sortby"] = [_sort(each.strip()) for each in values.pop("sortby", None) or []] or None
    if "intersects" in values:
        values["intersects"] = _json(values["intersects"], "intersects")
    fields = [each.strip() for each in values.pop("fields", None) or []]
    if some_fields:
        values["fields"] = {
            "include": [each.removeprefix("+") for each in fields if each[:1] not in {"", "-"}],
            "exclude": [each[1:] for each in fields if each.startswith("-")],
        }
    return parse(values)


def _json(text: str | None, name: str) -> Any:
    """A parameter that is JSON."""
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError) as error:
        raise invalid(f"{name} is no JSON.") from error


def _check_names(search: Search) -> None:
    """Refuse what would be long to look for."""
    fields = search.fields or PostFieldsExtension()
    named = {
        "sortby": [each.field for each in search.sortby or []],
        "fields": [*(fields.include or ()), *(fields.exclude or ())],
    }
    for name, names in named.items():
        if len(names) > MAX_NAMES or any(len(each) > MAX_NAMES for each in names):
            raise invalid(
                f"{name} may hold {MAX_NAMES} names of {MAX_NAMES} characters, and no more."
            )
        if not all(names):
            raise invalid(f"{name} holds an empty name; a name has one character at least.")


def _sort(said: str) -> dict[str, str]:
    direction = "desc" if said.startswith("-") else "asc"
    return {"field": said.removeprefix("-").removeprefix("+"), "direction": direction}


def sentence(error: ValidationError | RequestValidationError) -> str:
    """The first of the errors in a sentence."""
    first = error.errors()[0]
    names = [str(part) for part in first["loc"] if part not in {"body", "query", "path"}]
    return f"{'.'.join(names) or 'The search'} is not usable: {first['msg']}."
