"""How far a work has come, told to whoever waits for it."""

from collections.abc import Callable

Progress = Callable[[float, str], None]
"""Told the share that is done, 0..1, and what is being done."""


def part_of(tell: Progress, start: float, end: float) -> Progress:
    """Progress of a part, which is from `start` to `end` of the whole, as progress of the whole."""
    return lambda share, message: tell(start + share * (end - start), message)
