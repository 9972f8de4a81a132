"""Figures to tables and pictures: the parts of docs/performance.md between its markers, and the machine's name."""

import math
import os
import platform
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from benchmarks.measure import Figure

PICTURE = "images/performance.svg"
"""Beside the document."""
_LIBRARIES = (
    "numpy",
    "numba",
    "rasterio",
    "xgboost-cpu",
    "lightgbm",
    "catboost",
    "odc-stac",
    "rio-cogeo",
)


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    found = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    return {
        "processor": found[1] if found else platform.processor(),
        "cores": str(os.cpu_count()),
        "system": platform.system(),
        "python": platform.python_version(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        **{name: version(name) for name in _LIBRARIES},
    }


def write_report(
    document: Path, found: Mapping[str, Sequence[Figure]], *, drawn: bool = True
) -> None:
    """Replace what stands between the document's markers by the tables of this run, and draw them where asked to.

    Raises:
        ValueError: the document lacks a marker.
    """
    text = document.read_text()
    for name, figures in found.items():
        text = _replace(text, name, _table(figures))
    told = ", ".join(f"{key} {value}" for key, value in machine().items())
    text = _replace(text, "machine", f"Machine: {told}.")
    document.write_text(text)
    if drawn:
        _draw(document.parent / PICTURE, found)


def _replace(text: str, name: str, content: str) -> str:
    begin, end = f"<!-- {name}: written by make bench -->\n", f"<!-- {name} ends -->"
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"The document lacks the marker {begin.strip()!r} or {end!r}.")
    return f"{before}{begin}{content}\n{end}{after}"


def _table(figures: Sequence[Figure]) -> str:
    lines = ["| what | against | ours | other | ratio | goal |", "|---|---|---:|---:|---:|---:|"]
    for f in figures:
        goal = "" if f.goal is None else f"{f.goal:g} {'✓' if f.holds else '✗'}"
        beside = "|" if math.isnan(f.other) else f"{f.other:.3g} {f.unit} | {f.ratio:.3g}"
        lines.append(f"| {f.name} | {f.against} | {f.ours:.3g} {f.unit} | {beside} | {goal} |")
    return "\n".join(lines)


def _draw(path: Path, found: Mapping[str, Sequence[Figure]]) -> None:
    """Ratios with goals as bars, and growth as lines."""
    # the same figures give the same file
    mpl.rcParams["svg.hashsalt"] = "geocrop"
    figure, (left, right) = plt.subplots(1, 2, figsize=(14, 7), width_ratios=(2, 1))
    _bars(
        left,
        [f for name in found if name != "growth" for f in found[name] if f.goal and f.goal > 1],
    )
    _lines(right, [f for f in found.get("growth", ()) if f.name.startswith("peak memory")])
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _bars(axes: Axes, figures: Sequence[Figure]) -> None:
    places = range(len(figures))[::-1]
    axes.barh(places, [f.ratio for f in figures], color="#397d49", height=0.6)
    for place, f in zip(places, figures, strict=True):
        axes.plot([f.goal or 0.0] * 2, [place - 0.4, place + 0.4], color="#c4281b", linewidth=2)
        axes.annotate(f" {f.ratio:.3g}x", (f.ratio, place), va="center", fontsize=8)
    labels = [f"{f.name}, {f.unit.split()[0]}; {f.against}" for f in figures]
    axes.set_yticks(places, labels, fontsize=8)
    axes.set_xscale("log")
    axes.set_xlabel("times less than the other (red: goal)")
    axes.spines[["top", "right"]].set_visible(False)


def _lines(axes: Axes, figures: Sequence[Figure]) -> None:
    for kind in ("blocks", "dates"):
        of = [f for f in figures if f.name.endswith(kind)]
        axes.plot([int(f.name.split()[2]) for f in of], [f.ours for f in of], "o-", label=kind)
    axes.set_xscale("log", base=2)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("blocks, or dates, of a map")
    axes.set_ylabel("peak memory, MB")
    axes.legend()
    axes.spines[["top", "right"]].set_visible(False)
