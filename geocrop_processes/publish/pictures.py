"""What a training found, as pictures for whoever compares trainings: PNG, the same bytes for the same figures."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_DPI = 110
_BEFORE, _AFTER, _INK = "#b36b00", "#17663a", "#1f2933"


def confusion_picture(stated: Mapping[str, Any], title: str) -> bytes:
    """The confusion matrix of an assessment: shares of each reference class, with the counts.

    Args:
        stated: as `models.assessment` makes it.
        title: what it is of.
    """
    names = [c["name"] for c in stated["classes"]]
    counts = np.asarray(stated["confusion"], np.int64)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 2.6 + 0.55 * len(names)
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.add_subplot()
    shown = axes.imshow(shares, cmap="Greens", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        ink = "white" if shares[row, column] > 0.6 else _INK
        axes.text(column, row, f"{count}", ha="center", va="center", color=ink, fontsize=8)
    # a class is called what it is called, dollars and all
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", parse_math=False)
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.set(xlabel="what the model said", ylabel="reference", title=title)
    figure.colorbar(shown, label="share of the reference class")
    return _png(figure)


def reliability_picture(stated: Mapping[str, Any], title: str) -> bytes:
    """What probabilities promised and what was kept, before and after calibration.

    Args:
        stated: as `models.assessment` makes it.
        title: what it is of.
    """
    figure = Figure(figsize=(5, 6), layout="constrained")
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    axes.plot((0, 1), (0, 1), "--", color="grey", linewidth=1)
    for kind, colour, mark in (("before", _BEFORE, "s"), ("after", _AFTER, "o")):
        curve = stated["reliability"][kind]
        pairs = [p for p in zip(curve["promised"], curve["kept"], strict=True) if p[0] is not None]
        label = f"{kind} calibration: ECE {100 * stated[f'ece_{kind}']:.1f} %"
        axes.plot(*zip(*pairs, strict=True), color=colour, marker=mark, label=label)
    samples = stated["reliability"]["after"]["samples"]
    edges = np.linspace(0, 1, len(samples) + 1)
    below.bar(edges[:-1], samples, width=1 / len(samples), align="edge", color=_AFTER)
    below.set(xlabel="probability of the class mapped", ylabel="samples")
    axes.set(ylabel="share that was right", xlim=(0, 1), ylim=(0, 1), title=title)
    axes.legend(loc="lower right", fontsize=9)
    return _png(figure)


def importance_picture(
    features: Sequence[str], importances: npt.NDArray[np.floating], title: str
) -> bytes:
    """How much each feature counts, the most important first.

    Args:
        features: their names.
        importances: (features,) shares.
        title: what it is of.
    """
    order = np.argsort(-importances, kind="stable")
    figure = Figure(figsize=(6, 1 + 0.19 * len(features)), layout="constrained")
    axes = figure.add_subplot()
    axes.barh(range(len(order)), 100 * importances[order], color=_AFTER)
    axes.set_yticks(range(len(order)), [features[i] for i in order], fontsize=7)
    axes.invert_yaxis()
    axes.set(xlabel="share of the importance, %", title=title)
    axes.margins(y=0.01)
    return _png(figure)


def _png(figure: Figure) -> bytes:
    """The picture without the name of what drew it, so that it stays the same."""
    FigureCanvasAgg(figure)
    stream = BytesIO()
    figure.savefig(stream, format="png", dpi=_DPI, metadata={"Software": None})
    return stream.getvalue()
