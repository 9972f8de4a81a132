"""JSON that others can read too: numbers and texts that can be stored, sent and calculated with."""

import json
import math
from typing import Any

from geocrop_processes.service.edge import check_text


def read_json(content: bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is no JSON, is nested too deeply, or has a number that is none or too large.
        Problem: it holds a text that can be neither stored nor sent.
    """
    try:
        value = json.loads(
            content,
            parse_constant=_refuse_constant,
            parse_float=_number,
            parse_int=_whole_number,
        )
        check_text(value)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _whole_number(text: str) -> int:
    _number(text)
    return int(text)


def _number(text: str) -> float:
    """A number that others can read: JSON's have no end, and become infinite to most who read them."""
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text if len(text) <= 20 else f'{text[:17]}...'} is too large a number")
    return number
