"""Run every benchmark and write down what came of it: `python -m benchmarks [name ...]`.

Writes `.geocrop/bench.json` and the tables of docs/performance.md of those that ran; when all of them did, its
picture as well. Ends with 1 where a goal is missed.
"""

import importlib
import json
import sys
from pathlib import Path

from benchmarks.measure import Figure, show
from benchmarks.report import machine, write_report

BENCHMARKS = (
    "features",
    "inference",
    "applicability",
    "reading",
    "writing",
    "pipeline",
    "growth",
    "profile",
    "throughput",
)
"""Modules with `figures()`, in the order of a block's way."""
RESULTS = Path(".geocrop/bench.json")
"""Every figure of the last run, and the machine that it ran on."""


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all."""
    found: dict[str, list[Figure]] = {}
    for name in names or BENCHMARKS:
        print(f"\n{name}", flush=True)
        found[name] = importlib.import_module(f"benchmarks.{name}").figures()
        show(found[name])
    figures = [
        {"benchmark": name, **figure.to_json()} for name, of in found.items() for figure in of
    ]
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps({"machine": machine(), "figures": figures}, indent=1))
    write_report(Path("docs/performance.md"), found, drawn=set(found) == set(BENCHMARKS))
    missed = [f["name"] for f in figures if not f["holds"]]
    print(f"\n{len(figures)} figures; goals missed: {', '.join(missed) or 'none'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
