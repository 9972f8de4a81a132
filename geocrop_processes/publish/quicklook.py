"""A map as a picture: the circle, and beside it what its colours mean."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from PIL import Image, ImageChops, ImageDraw
from rasterio.enums import Resampling

from geocrop_processes.domain.grid import PIXEL_M
from geocrop_processes.domain.legend import NO_DATA, Legend
from geocrop_processes.publish.legend_card import draw_card
from geocrop_processes.publish.record import MapRecord

LONGEST_SIDE = 1024
"""The most pixels of the picture's longer side."""
MAP_SIDE = 636
"""The most pixels of the map's longer side."""
_GAP = 16
_MARGIN = 12
"""With the map and the legend they make at most 1024 pixels."""
_UNMAPPED = "#d3d8de"
"""Inside the circle, without a class."""
_OUTLINE = "#52606d"
_RIM = 2
"""The width of the circle's outline."""
_SMOOTH = 4
"""Circles are drawn this much larger and scaled down, so that their edges are smooth."""


def write_quicklook(class_map: Path, record: MapRecord, path: Path) -> None:
    """Draw a class map as a PNG of at most 1024 pixels, transparent around the circle.

    The class map is read at the size at which it is drawn, from its overviews where it has them.

    Args:
        class_map: the COG of the map.
        record: what is known of the map; its tally gives the figures.
        path: the file to write.
    """
    picture = _map_picture(class_map, record)
    metres = record.grid.width * PIXEL_M
    card = draw_card(record, _UNMAPPED, (picture.width - 2 * _RIM) / metres)
    height = max(picture.height, card.height) + 2 * _MARGIN
    canvas = Image.new(
        "RGBA", (picture.width + _GAP + card.width + 2 * _MARGIN, height), (0, 0, 0, 0)
    )
    canvas.paste(picture, (_MARGIN, (height - picture.height) // 2))
    canvas.paste(card, (_MARGIN + picture.width + _GAP, (height - card.height) // 2))
    # only a legend of many long names makes it higher than that
    canvas.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    canvas.save(path, "PNG", optimize=True)


def _map_picture(class_map: Path, record: MapRecord) -> Image.Image:
    """The circle at whole multiples of its pixels where it is small, decimated where it is large."""
    grid, legend = record.grid, record.legend
    longest = max(grid.shape)
    times = max(1, MAP_SIDE // longest)
    scale = min(1.0, MAP_SIDE / longest)
    shape = (max(1, round(grid.height * scale)), max(1, round(grid.width * scale)))
    with rasterio.open(class_map) as dataset:
        classes = dataset.read(1, out_shape=shape, resampling=Resampling.nearest)
    zoom = shape[1] * times / grid.width
    x, y = record.aoi.centre(grid.epsg)
    centre = ((x - grid.left) / PIXEL_M * zoom + _RIM, (grid.top - y) / PIXEL_M * zoom + _RIM)
    colours = _palette(legend)[classes].repeat(times, axis=0).repeat(times, axis=1)
    picture = Image.new("RGBA", (colours.shape[1] + 2 * _RIM, colours.shape[0] + 2 * _RIM))
    picture.paste(Image.fromarray(colours), (_RIM, _RIM))
    # pixels are inside when their centres are: half a diagonal of the edge is not the map's
    radius = record.aoi.radius_m / PIXEL_M * zoom - 0.71 * times
    disc = _disc(picture.size, centre, radius)
    picture.putalpha(disc)
    rim = Image.new("RGBA", picture.size, _OUTLINE)
    rim.putalpha(ImageChops.subtract(_disc(picture.size, centre, radius + _RIM), disc))
    return Image.alpha_composite(picture, rim)


def _disc(size: tuple[int, int], centre: tuple[float, float], radius: float) -> Image.Image:
    """A mask, 255 within the circle, with a smooth edge."""
    mask = Image.new("L", (size[0] * _SMOOTH, size[1] * _SMOOTH), 0)
    (x, y), r = (c * _SMOOTH for c in centre), radius * _SMOOTH
    ImageDraw.Draw(mask).ellipse((x - r, y - r, x + r, y + r), fill=255)
    return mask.resize(size, Image.Resampling.BOX)


def _palette(legend: Legend) -> npt.NDArray[np.uint8]:
    """Red, green, blue per class code, uint8 (256, 3)."""
    palette = np.zeros((256, 3), np.uint8)
    palette[NO_DATA] = [int(_UNMAPPED[i : i + 2], 16) for i in (1, 3, 5)]
    for c in legend:
        palette[c.code] = c.rgb
    return palette
