"""Run one job of very many blocks: `python -m benchmarks.large [blocks in a row]`, 64 of them where nothing is said.

Half way everything is killed at once, and started again. Writes `.geocrop/large.json` and a table of
docs/performance.md; ends with 1 where a block was computed twice that had been done, or progress was not true.
"""

import json
import sys
from pathlib import Path

from benchmarks.large.course import Course, take_its_course
from benchmarks.report import machine

RESULTS, PAGE = Path(".geocrop/large.json"), Path("docs/performance.md")
_BEGIN, _END = "<!-- large -->", "<!-- /large -->"


def table(course: Course) -> str:
    """What came of it, in Markdown."""
    lines = [
        "| part | MB at the first tenth | MB half way | MB at the end | most MB |",
        "|---|---|---|---|---|",
    ]
    for part in ("server", "supervisor", "worker"):
        begin, middle, end, most = course.memory(part)
        lines.append(f"| {part} | {begin:.0f} | {middle:.0f} | {end:.0f} | {most:.0f} |")
    told = (
        f"{course.blocks:,} blocks of 64 pixels, {course.workers} workers, everything killed after "
        f"{course.done_at_stop:,} blocks and started again: {course.seconds / 60:.1f} minutes in all, "
        f"{course.finish_s:.0f} s of them for the product; {1000 * course.overhead_s:.1f} ms a block to claim and to "
        f"report it. Blocks that were done and computed again: {course.computed_again}. The largest distance "
        f"between the progress that was told and the blocks that were done: {course.furthest} blocks."
    )
    return "\n".join([told, "", *lines])


def main(side: int) -> int:
    """Run it, write it down."""
    course = take_its_course(side)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"machine": machine(), **course.to_json()}, indent=1))
    page = PAGE.read_text()
    if _BEGIN in page:
        before, _, rest = page.partition(_BEGIN)
        after = rest.partition(_END)[2]
        PAGE.write_text(f"{before}{_BEGIN}\n{table(course)}\n{_END}{after}")
    print(table(course))
    return 0 if course.holds else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 64))
