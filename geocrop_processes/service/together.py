"""What several threads bring at once is written in one transaction: a commit costs as much for ten as for one."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Lock

from geocrop_processes.errors import Unavailable


class Together[One, Written]:
    """Writes what comes; what comes while something is being written goes with the next.

    Args:
        write: writes several in one transaction, all or none of them, and gives what was written of each, in their
            order.
    """

    def __init__(self, write: Callable[[Sequence[One]], Sequence[Written]]) -> None:
        self._write = write
        self._turn = Lock()
        self._waiting: list[tuple[One, Future[Written]]] = []
        self._guard = Lock()

    def __call__(self, one: One) -> Written:
        """Write one; returns when it is written.

        Raises:
            Exception: what `write` raises when it is given this one alone.
        """
        mine: Future[Written] = Future()
        with self._guard:
            self._waiting.append((one, mine))
        with self._turn:
            # whoever had the turn before may have written it
            if not mine.done():
                self._write_waiting()
        return mine.result()

    def _write_waiting(self) -> None:
        with self._guard:
            batch, self._waiting = self._waiting, []
        if not self._try(batch):
            # one that cannot be written is not to keep the others from it
            for alone in batch:
                self._try([alone], is_last=True)

    def _try(self, batch: Sequence[tuple[One, Future[Written]]], *, is_last: bool = False) -> bool:
        try:
            written = self._write([one for one, _ in batch])
        except Exception as error:  # noqa: BLE001 - it is raised where it belongs
            # what is away for one is away for all; one that is wrong is found when each is tried
            if not is_last and not isinstance(error, Unavailable) and len(batch) > 1:
                return False
            for _, future in batch:
                future.set_exception(error)
            return True
        for (_, future), result in zip(batch, written, strict=True):
            future.set_result(result)
        return True
