"""The JSON a client sends, turned into values, or a problem that names the input.

Everything is checked before anything is stored or queued: first against the process description, then by
the domain's own checks, process by process (`checks`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError, best_match

from geocrop_processes.service.callbacks.subscriber import check_subscriber
from geocrop_processes.service.checks import CHECK_OF
from geocrop_processes.service.checks.desk import Desk, refusing
from geocrop_processes.service.fetch import plain
from geocrop_processes.service.given import FileKind, Files, Taken
from geocrop_processes.service.problems import invalid, no_such_output
from geocrop_processes.service.processes import FILE_INPUTS, Description
from geocrop_processes.service.processes.description import media_types_of
from geocrop_processes.service.referenced import referenced
from geocrop_processes.service.strict_json import brief, read_json
from geocrop_processes.service.uploads import Upload
from geocrop_processes.settings import Settings

_MODES = ("value", "reference")
_RESPONSES = ("document", "raw")
_LENGTHS = ("maxItems", "maxLength")
"""What a schema says of lengths: looked at before what is so long."""
_MOST_ERRORS = 50
"""How many errors of a value the one to tell is chosen from."""


@dataclass(frozen=True)
class Order:
    """An execution request that can be carried out."""

    inputs: dict[str, Any]
    """The values as JSON, defaults filled in."""
    request: dict[str, Any]
    """`outputs`, `response` and `subscriber` as they came."""
    uploads: tuple[Upload, ...] = ()
    """The files that were brought; the values only name them."""

    def check_at_once(self) -> None:
        """Accept to be answered at once.

        Raises:
            Problem: somebody is to be told what becomes of a job, and there is none.
        """
        if "subscriber" in self.request:
            raise invalid(
                "`subscriber` is told of jobs; this execution is answered at once. Ask with `Prefer: respond-async`."
            )


def parse(content: bytes) -> dict[str, Any]:
    """The body of an execution request.

    Raises:
        Problem: it is no JSON object, or holds what can be neither stored nor sent.
    """
    try:
        body = read_json(content or b"{}")
    except ValueError as error:
        raise invalid(f"The body of the request is no JSON: {error}.") from error
    if not isinstance(body, dict):
        raise invalid(f"The body of the request must be a JSON object, not {brief(body)}.")
    return body


def check(body: Mapping[str, Any], process: Description, desk: Desk) -> Order:
    """Accept an execution request, or say what is wrong with it.

    Raises:
        Problem: an input, output or option is not as the process description says, or the domain refuses it; the
            server of an input that is given by reference does not answer.
        RegistryUnavailable: the model cannot be looked up.
        StorageUnavailable: an output of an earlier job cannot be read.
    """
    kinds = FILE_INPUTS.get(process["id"], {})
    values = check_inputs(body.get("inputs", {}), process["inputs"], kinds, desk.files)
    request = _request(body, process, desk.settings)
    if process["id"] in CHECK_OF:
        values = CHECK_OF[process["id"]](values, desk)
    files = {name: value for name, value in values.items() if isinstance(value, Taken)}
    named = {name: taken.named for name, taken in files.items()}
    uploads = tuple(one.upload for one in files.values() if one.upload and one.brought)
    return Order(values | named, request, uploads)


def check_inputs(
    inputs: Any,
    described: Mapping[str, Any],
    kinds: Mapping[str, FileKind],
    files: Files,
) -> dict[str, Any]:
    """The inputs' values with defaults filled in, as their schemas want them; those of `kinds` are files.

    Raises:
        Problem: an input is unknown, missing or not as its schema says.
    """
    _check_names(inputs, described)
    values: dict[str, Any] = {}
    for name, about in described.items():
        if name in inputs and name in kinds:
            with refusing(name):
                values[name] = files.take(inputs[name], kinds[name])
        elif name in inputs:
            values[name] = _value(name, inputs[name], about["schema"], files)
        elif about["minOccurs"]:
            raise invalid(f"The input {name!r} is missing. {about['description']}")
        elif "default" in about["schema"]:
            values[name] = about["schema"]["default"]
    return values


def _check_names(inputs: Any, described: Mapping[str, Any]) -> None:
    if not isinstance(inputs, dict):
        raise invalid(f"`inputs` must be an object of values by their names, not {brief(inputs)}.")
    for name in inputs:
        if name not in described:
            raise invalid(f"There is no input {name!r}; the inputs are: {', '.join(described)}.")


def _value(name: str, given: Any, schema: Mapping[str, Any], files: Files) -> Any:
    """One input's value, taken out of its wrapping or read from its address where it has one."""
    if isinstance(given, dict) and "href" in given:
        given = referenced(name, given, schema, files)
    elif isinstance(given, dict) and "value" in given:
        _check_format(name, given, schema)
        given = given["value"]
    error = _error(given, schema)
    if error is not None:
        where = "".join(f"[{part!r}]" for part in error.absolute_path)
        raise invalid(f"The input {name!r}{where} is {brief(error.instance)}: {_allowed(error)}.")
    return int(given) if schema.get("type") == "integer" else given


def _error(given: Any, schema: Mapping[str, Any]) -> ValidationError | None:
    """What is wrong with a value, in the order of what helps most; None where nothing is."""
    lengths = {name: schema[name] for name in _LENGTHS if name in schema}
    for told in (lengths, schema):
        found = best_match(islice(Draft7Validator(told).iter_errors(given), _MOST_ERRORS))
        if found is not None:
            return found
    return None


def _check_format(name: str, given: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Accept what a qualified value says of itself."""
    told, possible = given.get("mediaType"), media_types_of(schema)
    if told is not None and not (isinstance(told, str) and plain(told) in possible):
        raise invalid(
            f"The mediaType of the input {name!r} is {brief(told)}, allowed are {', '.join(possible)}."
        )
    encoding, usual = given.get("encoding"), schema.get("contentEncoding")
    if encoding is not None and encoding != usual:
        raise invalid(
            f"The encoding of the input {name!r} is {brief(encoding)}, allowed is {brief(usual)}."
        )
    # a client's own schema is never evaluated: it could name others to be fetched, and take for ever
    if not isinstance(given.get("schema"), str | dict | None):
        raise invalid(
            f"The schema of the input {name!r} is {brief(given['schema'])}, allowed are an address and an object."
        )


def _allowed(error: ValidationError) -> str:
    """What a schema allows, in words for people."""
    limit = error.validator_value
    words: dict[str, str] = {
        "type": f"it must be of type {limit}",
        "enum": f"allowed are {limit}",
        "minimum": f"at least {limit} is allowed",
        "maximum": f"at most {limit} is allowed",
        "minItems": f"it must hold at least {limit} values",
        "maxItems": f"it must hold at most {limit} values",
        "minLength": f"it must have at least {limit} characters",
        "maxLength": f"it must have at most {limit} characters",
        "pattern": f"it must be of the form {limit}",
        "oneOf": f"allowed is one of {limit}",
        "uniqueItems": "no value may be there twice",
    }
    return words.get(str(error.validator)) or str(error.message)


def _request(body: Mapping[str, Any], process: Description, settings: Settings) -> dict[str, Any]:
    """The options of an execution request as they came, once they are known to be possible."""
    outputs = body.get("outputs")
    if outputs is not None:
        _check_outputs(outputs, process)
    response = body.get("response", "document")
    if response not in _RESPONSES:
        raise invalid(f"`response` is {brief(response)}, allowed are {', '.join(_RESPONSES)}.")
    options = {key: body[key] for key in ("outputs", "response") if body.get(key) is not None}
    if body.get("subscriber") is not None:
        options["subscriber"] = check_subscriber(body["subscriber"], settings)
    return options


def _check_outputs(outputs: Any, process: Description) -> None:
    if not isinstance(outputs, dict):
        raise invalid(
            f"`outputs` must be an object of options by outputs' names, not {brief(outputs)}."
        )
    described = process["outputs"]
    for name, options in outputs.items():
        if name not in described:
            raise no_such_output(name, list(described), status=400)
        if not isinstance(options, dict):
            raise invalid(
                f"The options of output {name!r} must be an object, not {brief(options)}."
            )
        mode = options.get("transmissionMode")
        offered = process["outputTransmission"]
        if mode is not None and mode not in offered:
            raise invalid(
                f"The transmissionMode of output {name!r} is {brief(mode)}, "
                f"offered are {', '.join(m for m in _MODES if m in offered)}."
            )
        wanted = options.get("format")
        if wanted is not None:
            if not isinstance(wanted, dict):
                raise invalid(
                    f"The format of output {name!r} must be an object, not {brief(wanted)}."
                )
            _check_written(name, wanted, described[name]["schema"])


def _check_written(name: str, wanted: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Accept how an output is to be written."""
    told, possible = wanted.get("mediaType"), media_types_of(schema)
    # compared one by one: what is told may be anything
    known = [*possible, *(kind.partition(";")[0] for kind in possible)]
    if told is not None and told not in known:
        raise invalid(
            f"The mediaType of the output {name!r} is {brief(told)}, offered are {', '.join(possible)}."
        )
    encoding, usual = wanted.get("encoding"), schema.get("contentEncoding")
    if encoding is not None and encoding != usual:
        raise invalid(
            f"The encoding of the output {name!r} is {brief(encoding)}, offered is {brief(usual)}."
        )
