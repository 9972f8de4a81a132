"""The process `echo`: gives back what it is given, for whoever tries out a client."""

import time
from collections.abc import Callable
from typing import Any

DEFAULT_MEASUREMENT = 1.0
"""The measurement that is given back where none is given."""


def echo(
    inputs: dict[str, Any],
    *,
    cancelled: Callable[[], bool] = lambda: False,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """The outputs of validated inputs by their ids, after the pause that they ask for.

    Args:
        inputs: `message`, and perhaps `pause` (seconds), `items`, `bbox`, `measurement`, `document`.
        cancelled: asked once a second of the pause; true ends it.
        sleep: waits for a number of seconds.
    """
    left = float(inputs.get("pause", 0))
    while left > 0 and not cancelled():
        sleep(min(left, 1.0))
        left -= 1.0
    given: dict[str, Any] = {
        key: inputs[key] for key in ("items", "bbox", "document") if key in inputs
    }
    return {
        "message": inputs["message"],
        "length": len(inputs["message"]),
        "measurement": inputs.get("measurement", DEFAULT_MEASUREMENT),
        **given,
    }
