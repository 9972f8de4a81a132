"""Work that nothing will come of any more is left at the next place where leaving it is cheap."""

from collections.abc import Callable

from geocrop_processes.errors import Abandoned

Asked = Callable[[], bool]
"""Asked between the parts of a work, by any thread; true once nothing will come of it."""


def never() -> bool:
    """The answer of whoever waits for the result to the end."""
    return False


def leave(abandoned: Asked) -> None:
    """Go on, or leave the work where it is.

    Raises:
        Abandoned: nothing will come of it.
    """
    if abandoned():
        raise Abandoned("The work was left: nothing would have come of it.")
