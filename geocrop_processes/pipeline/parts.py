"""The parts of a job done here and now, some at a time; a queue does them one by one, anywhere."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from geocrop_processes.domain.progress import Progress


def do_all[Part](
    do: Callable[[Part], None], parts: Sequence[Part], threads: int, word: str, tell: Progress
) -> None:
    """Do every part; when one fails, those that have not begun are left.

    Args:
        do: does a part, in any thread.
        parts: in the order that they are begun in.
        threads: how many are done at once.
        word: what a part is called.
        tell: is told the share of the parts that are done.

    Raises:
        GeoCropError: as `do` says, of the first part that failed.
    """
    with ThreadPoolExecutor(threads) as pool:
        running = [pool.submit(do, part) for part in parts]
        try:
            for done, part in enumerate(as_completed(running), 1):
                part.result()
                tell(done / len(running), f"{word} {done} of {len(running)}")
        finally:
            pool.shutdown(cancel_futures=True)
