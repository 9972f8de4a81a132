"""A JSON schema as OpenAPI 3.0.3 writes it, which knows neither null nor lists of types, and half of the keywords."""

from typing import Any

Json = dict[str, Any]

_KEPT = {
    "title", "description", "default", "enum", "format", "nullable", "deprecated", "readOnly", "writeOnly",
    "example", "externalDocs", "discriminator", "required", "pattern", "multipleOf", "maximum", "minimum",
    "exclusiveMaximum", "exclusiveMinimum", "maxLength", "minLength", "maxItems", "minItems", "uniqueItems",
    "maxProperties", "minProperties",
}  # fmt: skip
"""Keywords of OpenAPI 3.0.3 (4.7.24) that hold no schema."""
_NULL = {"type": "null"}
_NOTHING: Json = {"nullable": True, "enum": [None]}


def schema30(schema: Any) -> Json:
    """The same schema in OpenAPI 3.0.3; what that cannot say is left out, which allows more, never less.

    Args:
        schema: of JSON Schema 2020-12 (OpenAPI 3.1), of OGC's process descriptions, or of OpenAPI 3.0 already.
    """
    if schema is True:
        return {}
    if schema is False:
        return {"not": {}}
    if "$ref" in schema:
        return _reference(schema)
    said: Json = {key: value for key, value in schema.items() if key in _KEPT or key[:2] == "x-"}
    if "const" in schema:
        said["enum"] = [schema["const"]]
    if schema.get("examples") and "example" not in said:
        said["example"] = schema["examples"][0]
    for side, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if type(said.get(side)) in {int, float}:
            said |= {bound: said[side], side: True}
    return _content(schema, _typed(schema, _inner(schema) | said))


def _reference(schema: Json) -> Json:
    """Beside a reference nothing counts in 3.0: what was there goes around it."""
    beside = schema30({key: value for key, value in schema.items() if key != "$ref"})
    own = {"$ref": schema["$ref"]}
    return beside | {"allOf": [own, *beside.get("allOf", [])]} if beside else own


def _inner(schema: Json) -> Json:
    """The schemas within a schema."""
    said: Json = {}
    for key in ("allOf", "anyOf", "oneOf"):
        if key in schema:
            said |= _choice(key, schema[key])
    if "not" in schema:
        said["not"] = schema30(schema["not"])
    if "properties" in schema:
        said["properties"] = {key: schema30(value) for key, value in schema["properties"].items()}
    if "additionalProperties" in schema and "patternProperties" not in schema:
        more = schema["additionalProperties"]
        said["additionalProperties"] = more if isinstance(more, bool) else schema30(more)
    if "prefixItems" in schema:
        said["items"] = _either([schema30(item) for item in schema["prefixItems"]])
    elif "items" in schema:
        said["items"] = schema30(schema["items"])
    return said


def _choice(key: str, options: list[Any]) -> Json:
    """`anyOf` and its like; null as one of the options becomes `nullable`."""
    given = [schema30(option) for option in options if option != _NULL]
    if len(given) == len(options) or key == "allOf":
        return {key: given}
    if len(given) == 1 and "type" in given[0]:
        return given[0] | {"nullable": True}
    return {key: [*given, _NOTHING]}


def _typed(schema: Json, said: Json) -> Json:
    kind = schema.get("type")
    kinds = [kind] if isinstance(kind, str) else list(kind or [])
    if "null" in kinds:
        kinds.remove("null")
        said["nullable"] = True
        if not kinds:
            return said | _NOTHING
    if len(kinds) == 1:
        said = {"type": kinds[0]} | said
        if kinds == ["array"]:
            # required there in 3.0
            said.setdefault("items", {})
    elif kinds:
        said["anyOf"] = [{"type": one} | ({"items": {}} if one == "array" else {}) for one in kinds]
    return said


def _content(schema: Json, said: Json) -> Json:
    """What a text holds: 3.0 has `format` for it, and no word for its media type."""
    if schema.get("type") == "string" and schema.get("contentEncoding") == "base64":
        said["format"] = "byte"
    for key in ("contentMediaType", "contentEncoding"):
        if key in schema:
            said[f"x-{key}"] = schema[key]
    return said


def _either(schemas: list[Json]) -> Json:
    different = [one for place, one in enumerate(schemas) if one not in schemas[:place]]
    return different[0] if len(different) == 1 else {"anyOf": different}
