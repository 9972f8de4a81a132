"""How accuracy grows through the season, on simulated data: what a map says by the end of each month.

The same pixels are seen as of several dates: a model is trained for each date, on series that are cut there, and
asked about other places in another season, cut likewise. Landscapes, weather and training have a new seed each time.
`python -m benchmarks.season` measures and writes `docs/in-season.json`, its table in `docs/in-season.md` and its
picture; `--draw` writes table and picture anew from what was measured before. Simulated accuracies show that the
parts work together. They say nothing about crops in Zimbabwe.
"""

import json
import re
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from geocrop_processes.domain.as_of import WHOLE, dekads_of_as_of
from geocrop_processes.features.until import known
from geocrop_processes.models.accuracy import Accuracy
from geocrop_processes.models.ensemble import Ensemble
from geocrop_processes.simulation.legend import LEGEND
from geocrop_processes.simulation.samples import PLACES, Samples, samples_as_of, sites

DATES = ("11-30", "12-31", "01-31", "02-28", "03-31", "04-30", WHOLE)
"""As-of dates; the last is the whole season."""
SEEDS = (1, 2, 3)
"""Of landscapes, weather and training."""
TRAINING = {"groups": 8, "places": PLACES[:4], "seasons": (2018, 2019, 2020)}
TEST = {"groups": 4, "places": PLACES[4:], "seasons": (2021,)}
"""Where and when samples come from: no place and no season is in both."""
PER_CLASS, TEST_PER_CLASS = 240, 100
"""Samples of each class, about."""
ROUNDS = 80
"""Boosting rounds of each member."""

DOCS = Path(__file__).parents[1] / "docs"
FIGURES, PAGE, PICTURE = (
    DOCS / name for name in ("in-season.json", "in-season.md", "images/in-season.svg")
)

type Figures = Mapping[str, Any]


def measure(seeds: Sequence[int] = SEEDS) -> Figures:
    """All figures as JSON values; what was measured of each seed, by date."""
    runs: dict[str, list[dict[str, Any]]] = {as_of: [] for as_of in DATES}
    for seed in seeds:
        # other seeds for the test: no landscape or weather is met again
        learnt = samples_as_of(sites(seed, **TRAINING), PER_CLASS, DATES, _tell)  # type: ignore[arg-type]
        asked = samples_as_of(sites(50 + seed, **TEST), TEST_PER_CLASS, DATES, _tell)  # type: ignore[arg-type]
        for as_of in DATES:
            runs[as_of].append(_one(learnt[as_of], asked[as_of], len(asked[WHOLE].labels), seed))
            _tell(1.0, f"seed {seed}, {as_of or 'whole season'}: {runs[as_of][-1]['overall']:.3f}")
    return {
        "seeds": list(seeds),
        "rounds": ROUNDS,
        "places": {"training": TRAINING["places"], "test": TEST["places"]},
        "seasons": {"training": TRAINING["seasons"], "test": TEST["seasons"]},
        "dates": [
            {
                "as_of": as_of,
                "dekads": dekads_of_as_of(as_of),
                "features": int(known(dekads_of_as_of(as_of)).sum()),
                "runs": runs[as_of],
            }
            for as_of in DATES
        ],
    }


def _tell(_share: float, message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def _one(learnt: Samples, asked: Samples, all_pixels: int, seed: int) -> dict[str, Any]:
    ensemble = Ensemble.train(learnt.features, learnt.labels, seed=seed, threads=1, rounds=ROUNDS)
    found = Accuracy.of(asked.labels, ensemble.predict(asked.features), LEGEND.codes)
    return {
        "training": len(learnt.labels),
        "test": len(asked.labels),
        "seen": round(len(asked.labels) / all_pixels, 4),
        "overall": round(found.overall, 4),
        "macro_f1": round(found.macro_f1, 4),
        "f1": {LEGEND.name_of(code): round(score, 4) for code, score in found.f1.items()},
    }


def tables(figures: Figures) -> str:
    """The page's two tables, in Markdown."""
    rows = [
        "| as of | dekads | features | pixels seen | overall accuracy | macro-F1 |",
        "|---|---|---|---|---|---|",
    ]
    for date in figures["dates"]:
        runs = date["runs"]
        seen = statistics.mean(run["seen"] for run in runs)
        cells = [_name(date), date["dekads"], date["features"], f"{seen:.1%}"]
        cells += [_spread([run[key] for run in runs]) for key in ("overall", "macro_f1")]
        rows.append("| " + " | ".join(map(str, cells)) + " |")
    names = [_name(date) for date in figures["dates"]]
    rows += ["", "| F1 | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for name in figures["dates"][0]["runs"][0]["f1"]:
        scores = [f"{_mean_f1(date, name):.2f}" for date in figures["dates"]]
        rows.append(f"| {name} | " + " | ".join(scores) + " |")
    return "\n".join(rows)


def _name(date: Mapping[str, Any]) -> str:
    months = {"11": "Nov", "12": "Dec", "01": "Jan", "02": "Feb", "03": "Mar", "04": "Apr"}
    month, _, day = date["as_of"].partition("-")
    return f"{day} {months[month]}" if month else "31 May"


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.mean(values):.3f} ± {statistics.stdev(values):.3f}"


def _mean_f1(date: Mapping[str, Any], name: str) -> float:
    return float(statistics.mean(run["f1"][name] for run in date["runs"]))


def with_tables(page: str, figures: Figures) -> str:
    """The page with its tables."""
    new = f"<!-- tables -->\n{tables(figures)}\n<!-- end -->"
    return re.sub(r"<!-- tables -->.*?<!-- end -->", lambda _: new, page, flags=re.DOTALL)


def draw(figures: Figures, path: Path) -> None:
    """The picture: all classes together with their spread, and each crop."""
    mpl.rcParams["svg.hashsalt"] = "geocrop"
    figure = Figure(figsize=(12, 4.2), layout="constrained")
    together, crops = figure.subplots(1, 2, sharey=True, sharex=True)
    names = [_name(date) for date in figures["dates"]]
    for key, label, colour in (
        ("overall", "overall accuracy", "#1b4965"),
        ("macro_f1", "macro-F1", "#c1121f"),
    ):
        values = np.array([[run[key] for run in date["runs"]] for date in figures["dates"]])
        together.fill_between(
            names, values.min(axis=1), values.max(axis=1), color=colour, alpha=0.2, lw=0
        )
        together.plot(names, values.mean(axis=1), "o-", color=colour, label=label)
    for crop in LEGEND:
        if crop.cropland:
            scores = [_mean_f1(date, crop.name) for date in figures["dates"]]
            crops.plot(names, scores, "o-", color=crop.colour, label=crop.name, ms=4)
    together.set_ylabel("on places and a season not trained on")
    together.set_title(f"All classes; band: lowest and highest of {len(figures['seeds'])} seeds")
    crops.set_title("F1 of each crop")
    for axes in (together, crops):
        axes.set_ylim(0, 1)
        axes.grid(alpha=0.3)
    together.legend(fontsize=8, loc="lower right")
    crops.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.02, 1.0))
    figure.suptitle("Simulated data: how well crops are told as of the end of each month")
    figure.savefig(path, format="svg", metadata={"Date": None})


def main(arguments: Sequence[str]) -> None:
    """Measure and write all, or write table and picture anew."""
    if "--draw" not in arguments:
        FIGURES.write_text(json.dumps(measure(), indent=1) + "\n")
    figures = json.loads(FIGURES.read_text())
    PAGE.write_text(with_tables(PAGE.read_text(), figures))
    draw(figures, PICTURE)


if __name__ == "__main__":
    main(sys.argv[1:])
