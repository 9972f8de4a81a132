"""JSON that others can read too: numbers and texts that can be stored, sent and calculated with."""

import json
import math
from typing import Any

from geocrop_processes.service.edge import check_text

_OF_64_BITS = 2**63


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


def brief(value: Any) -> str:
    """A value as JSON, not too long: for people who are told what is wrong with it."""
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _whole_number(text: str) -> float:
    """A whole number of 64 bits; what needs more is what most who read JSON make of it, now and when read again."""
    number, whole = _number(text), int(text)
    return whole if abs(whole) < _OF_64_BITS else number


def _number(text: str) -> float:
    """A number that others can read: JSON's have no end, and become infinite to most who read them."""
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text if len(text) <= 20 else f'{text[:17]}...'} is too large a number")
    return number
