"""What routes say of themselves for the OpenAPI document, in pieces that many of them share.

A route's decorator says what FastAPI cannot see in its function:

    @router.get(
        "/things",
        summary="The things",
        operation_id="listThings",
        tags=["Things"],
        responses={200: answer("A page of them.", JSON, HTML, schema=ref("jobList"), headers=["Link"])}
        | problems(404, 413),
        openapi_extra={"parameters": [formats("json", "html"), parameter("limit"), parameter("bbox")]},
    )

Where the answer is no JSON, `response_class=Response` keeps FastAPI from saying that it is. A route that reads
its body itself says `openapi_extra={"requestBody": body(JSON, schema=...)}`. Every route can answer 400 (an
unusable parameter or address), 500 and 503: the document says so by itself. What `ref` names is in
`geocrop_processes.service.openapi.schemas`; parameters and headers are here.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from geocrop_processes.service.problems import MEDIA_TYPE

Json = dict[str, Any]
Responses = dict[int | str, Json]

JSON = "application/json"
HTML = "text/html"
PNG = "image/png"

EXCEPTION: Json = {
    "title": "What went wrong (RFC 7807)",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {
            "type": "string",
            "description": "The URI of the kind; `about:blank` where the status says it all.",
        },
        "title": {"type": "string", "description": "What kind of problem; the same each time."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {
            "type": "string",
            "description": "What is wrong this time: which value, and what is allowed.",
        },
        "instance": {"type": "string"},
    },
    "additionalProperties": True,
}
"""The schema `exception`: every problem document."""

_BOX: Json = {
    "oneOf": [
        {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4},
        {"type": "array", "items": {"type": "number"}, "minItems": 6, "maxItems": 6},
    ]
}


def _query(name: str, description: str, schema: Json, **more: Any) -> Json:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": schema,
        **more,
    }


def _header(name: str, description: str, **schema: Any) -> Json:
    said = {"type": "string", **schema}
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": said,
    }


PARAMETERS: dict[str, Json] = {
    "limit": _query(
        "limit",
        "The most members of a page; more than the server allows gives as many as it does.",
        {"type": "integer", "minimum": 1, "maximum": 999_999_999},
    ),
    "offset": _query(
        "offset",
        "How many members come before the page.",
        {"type": "integer", "minimum": 0, "maximum": 999_999_999, "default": 0},
    ),
    "bbox": _query(
        "bbox",
        "Only what meets the box: west, south, east, north, in degrees (or with heights, which are left out); "
        "west may lie east of east, over the antimeridian.",
        _BOX,
        style="form",
        explode=False,
    ),
    "bbox-crs": _query(
        "bbox-crs",
        "The reference system of `bbox` by its URI; CRS84 (longitude, latitude) where none is given.",
        {"type": "string", "format": "uri"},
    ),
    "datetime": _query(
        "datetime",
        "Only what meets a moment or an interval of RFC 3339; `..` is an open end.",
        {"type": "string"},
        examples={
            "moment": {"value": "2022-11-12T00:00:00Z"},
            "interval": {"value": "2022-09-01T00:00:00Z/2023-05-31T00:00:00Z"},
            "open": {"value": "../2023-05-31T00:00:00Z"},
        },
    ),
    "Prefer": _header(
        "Prefer",
        "Preferences of RFC 7240: `respond-async` asks for a job.",
        example="respond-async",
    ),
    "Range": _header(
        "Range", "A part of the file (RFC 9110): `bytes=0-1023`.", example="bytes=0-1023"
    ),
    "If-Match": _header("If-Match", "412 unless the file has one of these ETags."),
    "If-Unmodified-Since": _header("If-Unmodified-Since", "412 if the file has changed since."),
    "If-Range": _header("If-Range", "The part only if the file still has this ETag or date."),
    "If-None-Match": _header("If-None-Match", "304 if the file has one of these ETags."),
    "If-Modified-Since": _header("If-Modified-Since", "304 if the file has not changed since."),
}
"""Parameters by the name under which a route asks for them with `parameter`."""

HEADERS: dict[str, Json] = {
    name: {"description": description, "schema": {"type": kind}}
    for name, kind, description in (
        ("Location", "string", "The address of the new job."),
        ("Retry-After", "integer", "Seconds until it is worth asking again."),
        ("Preference-Applied", "string", "The preference that was followed (RFC 7240)."),
        ("Link", "string", "Links to what belongs to it (RFC 8288)."),
        ("Content-Disposition", "string", "The name to keep a file by."),
        ("Content-Crs", "string", "The reference system of the answer, by its URI."),
        ("Content-Range", "string", "Which bytes of the file these are."),
        ("Accept-Ranges", "string", "That parts of the file can be asked for: `bytes`."),
        ("ETag", "string", "The file's checksum."),
        ("Last-Modified", "string", "When the file was made."),
        ("Cache-Control", "string", "How long the answer holds."),
    )
}
"""Response headers by name."""


def ref(schema: str) -> Json:
    """A named schema of the document."""
    return {"$ref": f"#/components/schemas/{schema}"}


def parameter(name: str) -> Json:
    """A shared parameter; `PARAMETERS` names them.

    Raises:
        KeyError: there is none of that name.
    """
    return {"$ref": f"#/components/parameters/{PARAMETERS[name] and name}"}


def query(name: str, description: str, **schema: Any) -> Json:
    """A query parameter of a route's own: a text where nothing else is said."""
    return _query(name, description, {"type": "string", **schema})


def formats(*names: str) -> Json:
    """The parameter `f`, which says what an answer is written as; the first name is the default."""
    said = {"type": "string", "enum": [*names], "default": names[0]}
    return _query("f", "What the answer is written as, whatever the header Accept says.", said)


def body(*media_types: str, schema: Json | None = None, required: bool = True) -> Json:
    """A request's body, as `requestBody`."""
    return {"required": required, "content": _content(media_types, schema)}


def answer(
    description: str,
    *media_types: str,
    schema: Json | None = None,
    headers: Sequence[str] = (),
) -> Json:
    """One of a route's responses.

    Args:
        description: what it is.
        media_types: what it can be written as; none where there is no body.
        schema: of its JSON; anything where none is given.
        headers: names from `HEADERS`.

    Raises:
        KeyError: a header is not there.
    """
    said: Json = {"description": description}
    if media_types:
        said["content"] = _content(media_types, schema)
    if headers:
        said["headers"] = {
            name: {"$ref": f"#/components/headers/{HEADERS[name] and name}"} for name in headers
        }
    return said


def problems(*statuses: int) -> Responses:
    """The responses that are problem documents."""
    return {
        status: answer(
            HTTPStatus(status).phrase,
            MEDIA_TYPE,
            schema=ref("exception"),
            headers=["Retry-After"]
            if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
            else [],
        )
        for status in statuses
    }


def _content(media_types: Sequence[str], schema: Json | None) -> Json:
    return {media_type: {"schema": _schema(media_type, schema)} for media_type in media_types}


def _schema(media_type: str, schema: Json | None) -> Json:
    """JSON has the schema that is given; other texts are texts, and all else is bytes; of `*/*` all can come."""
    if media_type == "*/*":
        return {}
    if media_type.partition(";")[0].endswith("json"):
        return schema or {}
    text = media_type.startswith("text/") or media_type.endswith("xml")
    return {"type": "string"} if text else {"type": "string", "format": "binary"}


FILE_HEADERS = ("ETag", "Last-Modified", "Accept-Ranges", "Content-Disposition")
"""What is told of a file beside its bytes."""
FILE_PARTS: Responses = {
    206: answer("The bytes that were asked for.", "*/*", headers=["Content-Range", *FILE_HEADERS]),
    304: answer("The client has the file already.", headers=FILE_HEADERS),
    307: answer(
        "The file is to be read from the object store, at an address that expires: ask here again each time.",
        headers=["Location"],
    ),
    **problems(412),
}
"""How a file can be answered, beside whole."""
FILE_CONDITIONS = [
    parameter(name)
    for name in (
        *("Range", "If-Range", "If-Match", "If-None-Match"),
        *("If-Modified-Since", "If-Unmodified-Since"),
    )
]
"""The headers by which a file is asked for in part, or only where it has changed."""
