"""While one block is computed, the next is read: decoding releases the interpreter, as the kernels do."""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait


def read_ahead[Block, Cube](
    blocks: Iterable[Block], read: Callable[[Block], Cube]
) -> Generator[tuple[Block, Future[Cube]]]:
    """Read blocks in their order, each while the one before it is in use.

    Memory holds what the caller still refers to and one block more. When the caller stops (breaks off, closes the
    iterator, raises), the block that is being read is waited for, and no other is begun.

    Args:
        blocks: what to read; taken one by one, one ahead.
        read: reads one of them, such as `read_cube` does; called in one thread of its own.

    Yields:
        Each block with what was read of it, done: its `result()` raises whatever `read` raised for this block,
        and the blocks that follow can still be read.
    """
    with ThreadPoolExecutor(1, "reading-ahead") as pool:
        ahead: tuple[Block, Future[Cube]] | None = None
        for block in blocks:
            # the next is begun only when the one before it is there: never are two read at once
            wait([ahead[1]] if ahead else [])
            begun = block, pool.submit(read, block)
            if ahead:
                yield ahead
            ahead = begun
        if ahead:
            wait([ahead[1]])
            yield ahead
