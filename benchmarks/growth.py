"""How our time and memory grow: with the area (1, 4, 16, 64 blocks) and with the dates (10, 20, 40, 80).

Each map is made in a fresh process by two threads. Blocks have 256 pixels a side, so that 64 of them are 2048 x 2048
pixels. Time per block or date should stay as it is, memory should not grow with the area at all.
"""

from benchmarks.measure import Cost, Figure, apart, show
from benchmarks.whole import ours

BLOCK_PX = 256
"""The side of the blocks."""
_DATES = 20


def by_blocks() -> dict[int, Cost]:
    """Maps of square areas of 1, 4, 16 and 64 blocks, of 20 dates."""
    return {
        n: apart(ours, f"growth-{n}-blocks", side=side, dates=_DATES, block_px=BLOCK_PX)
        for n, side in ((1, 256), (4, 512), (16, 1024), (64, 2048))
    }


def by_dates() -> dict[int, Cost]:
    """Maps of 4 blocks, of 10, 20, 40 and 80 dates."""
    return {
        n: apart(ours, f"growth-{n}-dates", side=512, dates=n, block_px=BLOCK_PX)
        for n in (10, 20, 40, 80)
    }


def figures() -> list[Figure]:
    """What a block more, and a date more, takes."""
    blocks, dates = by_blocks(), by_dates()
    found = [
        Figure(
            f"processor time a block, {n} blocks",
            cost.cpu_s / n,
            blocks[4].cpu_s / 4,
            "cpu-s",
            0.8 if n == 64 else None,
            "4 blocks",
        )
        for n, cost in blocks.items()
    ]
    found += [
        Figure(
            f"peak memory, {n} blocks",
            cost.peak_mb,
            blocks[4].peak_mb,
            "MB",
            0.9 if n > 4 else None,
            "4 blocks",
        )
        for n, cost in blocks.items()
    ]
    found += [
        Figure(
            f"processor time a date, {n} dates",
            cost.cpu_s / n,
            dates[20].cpu_s / 20,
            "cpu-s",
            0.8 if n > 20 else None,
            "20 dates",
        )
        for n, cost in dates.items()
    ]
    found += [
        Figure(f"peak memory, {n} dates", cost.peak_mb, dates[20].peak_mb, "MB", None, "20 dates")
        for n, cost in dates.items()
    ]
    return found


if __name__ == "__main__":
    show(figures())
