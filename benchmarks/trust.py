"""Draw docs/images/trust.png: a map beside what it says of itself, `python -m benchmarks.trust PRODUCT_FOLDER`.

The folder is one that `geocrop classify` or the service has written: `.geocrop/storage/geocrop-results/results/<id>`.
"""

import json
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import rasterio
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.image import AxesImage

from geocrop_processes.domain.legend import NO_DATA, Legend
from geocrop_processes.models.confidence import AT_THRESHOLD
from geocrop_processes.models.confidence import NO_DATA as UNKNOWN
from geocrop_processes.publish.cog import CONFIDENCE_BANDS

PICTURE = Path("docs/images/trust.png")
_SHOWN = (
    ("top", "viridis", 1.0, "Probability of the class"),
    ("disagreement", "magma", 0.6, "Disagreement of the members"),
    ("dissimilarity", "cividis", 1.5, "Dissimilarity by the threshold"),
)
_OUTSIDE = "#e31a1c"


def draw(folder: Path, picture: Path) -> None:
    """Draw the product of a folder."""
    mpl.rcParams["font.size"] = 8
    figure, axes = plt.subplots(1, 4, figsize=(11, 3.1), layout="constrained")
    _classes(axes[0], folder / "class-map.tif")
    places = {band.name: n for n, band in enumerate(CONFIDENCE_BANDS)}
    with rasterio.open(folder / "confidence.tif") as source:
        stored = source.read()
    outside = _outside(stored[places["dissimilarity"]])
    for ax, (name, colours, most, title) in zip(axes[1:], _SHOWN, strict=True):
        band = stored[places[name]]
        values = np.ma.masked_where(band == UNKNOWN, band * CONFIDENCE_BANDS[places[name]].scale)
        shown = ax.imshow(values, cmap=colours, vmin=0, vmax=most, interpolation="nearest")
        _finish(ax, title)
        figure.colorbar(shown, ax=ax, orientation="horizontal", shrink=0.8, pad=0.02)
        if name == "dissimilarity":
            ax.imshow(outside, cmap=ListedColormap([_OUTSIDE]), interpolation="nearest")
    summary = json.loads((folder / "summary.json").read_text())
    share = summary["applicability"]["outside_share"]
    axes[3].set_title(f"Dissimilarity by the threshold\n(red: outside, {share:.1%})")
    figure.savefig(picture, dpi=75, metadata={"Software": None})
    plt.close(figure)


def _classes(ax: Axes, path: Path) -> AxesImage:
    with rasterio.open(path) as source:
        codes = source.read(1)
        legend = Legend.from_json(json.loads(source.tags()["LEGEND"]))
    palette = np.zeros((256, 4), np.uint8)
    for c in legend:
        palette[c.code] = (*c.rgb, 255)
    palette[NO_DATA] = 0
    shown = ax.imshow(palette[codes], interpolation="nearest")
    _finish(ax, "Crop classes")
    # as high as those with a scale below
    plt.colorbar(shown, ax=ax, orientation="horizontal", shrink=0.8, pad=0.02).ax.set_visible(False)
    return shown


def _outside(dissimilarity: npt.NDArray[np.uint8]) -> np.ma.MaskedArray:
    outside = (dissimilarity > AT_THRESHOLD) & (dissimilarity != UNKNOWN)
    return np.ma.masked_where(~outside, np.ones(outside.shape))


def _finish(ax: Axes, title: str) -> None:
    ax.set_title(title)
    ax.set_axis_off()


if __name__ == "__main__":
    draw(Path(sys.argv[1]), PICTURE)
