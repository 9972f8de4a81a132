"""The tables of docs/accuracy.md, from the figures that a run has kept."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy.data import DATA, SETS
from geocrop_processes.models.accuracy import Accuracy

FIGURES = Path(__file__).with_name("figures")
"""What was judged, a file for each set: by seed."""
NESTED = FIGURES / "nested.json"
"""By set, the figures of the ensemble with the whole training inside each fold."""
DOCUMENT = Path(__file__).parents[2] / "docs" / "accuracy.md"

LEARNERS = {
    "ensemble": "**ensemble**",
    "xgboost": "XGBoost",
    "lightgbm": "LightGBM",
    "catboost": "CatBoost",
    "random forest": "random forest",
}
"""What is judged, as it stands in the document."""


def kept_figures() -> dict[str, Any]:
    """What has been judged, by set."""
    return {
        name: json.loads((FIGURES / f"{name}.json").read_text())
        for name in SETS
        if (FIGURES / f"{name}.json").exists()
    }


def write_report(figures: Mapping[str, Any], document: Path = DOCUMENT) -> None:
    """Write the tables between their markers.

    Args:
        figures: as `kept_figures` gives them.
        document: that has the markers.

    Raises:
        ValueError: it has no place for a table.
    """
    text = document.read_text()
    for name, lines in (
        ("learners", learners_table(figures)),
        ("sets", sets_list(figures)),
        ("calibration", calibration_table(figures)),
    ):
        start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        if start not in text or end not in text:
            raise ValueError(f"{document.name} has no marker {start}.")
        head, tail = text.split(start)[0], text.split(end)[1]
        text = f"{head}{start}\n{lines}\n{end}{tail}"
    document.write_text(text)


def learners_table(figures: Mapping[str, Any]) -> str:
    """A row for each set and learner: means over the seeds, and their standard deviations."""
    lines = [
        "| data | learner | overall accuracy | balanced accuracy | F1 |",
        "|---|---|---|---|---|",
    ]
    for one in figures.values():
        for key, shown in LEARNERS.items():
            cells = [
                spread([s["learners"][key][measure] for s in one["seeds"].values()])
                for measure in ("overall", "balanced", "f1")
            ]
            lines.append(f"| {one['name']} | {shown} | {' | '.join(cells)} |")
        if one["published"]:
            lines.append(f"| {one['name']} | published: {one['published']} | | | |")
    return "\n".join(lines)


def sets_list(figures: Mapping[str, Any]) -> str:
    """What each set is."""
    return "\n".join(f"- **{one['name']}**: {one['about']}." for one in figures.values())


def calibration_table(figures: Mapping[str, Any]) -> str:
    """The calibration error before and after, and what exact probabilities would show."""
    lines = ["| data | rows | before | after | exact |", "|---|---|---|---|---|"]
    for one in figures.values():
        cells = [
            spread([s["ece"][measure] for s in one["seeds"].values()])
            for measure in ("before", "after", "perfect")
        ]
        rows = next(iter(one["seeds"].values()))["rows"]
        lines.append(f"| {one['name']} | {rows} | {' | '.join(cells)} |")
    return "\n".join(lines)


def spread(values: list[float]) -> str:
    """Mean and standard deviation over the seeds."""
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"


def published_matrices() -> dict[str, Accuracy]:
    """Digital Earth Africa's confusion matrices of its cropland map, by region."""
    found = {}
    for path in sorted((DATA / "deafrica_cropmask").glob("*_confusion_matrix.csv")):
        with path.open(newline="") as file:
            printed = {row["Actual"]: row for row in csv.DictReader(file)}
        names = ("Non-crop", "Crop")
        counts = [[int(float(printed[r][c])) for c in names] for r in names]
        matrix = np.pad(np.array(counts, np.int64), ((0, 0), (0, 1)))
        found[path.name.partition("_10m")[0].replace("_", " ")] = Accuracy((0, 1), matrix)
    return found
