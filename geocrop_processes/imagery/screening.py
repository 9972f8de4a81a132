"""Decide once per scene, in the plan, whether its pixels are what its item says.

Digital numbers carry ESA's +1000 or do not; a wrong belief costs a quarter of all pixels their class. Some
items of early 2022 are known to say the wrong thing (Element84/earth-search issues 66 and 71). So each scene's
darkest blue is compared with what its offset implies, over the whole tile at its coarsest overview.
"""

from collections.abc import Sequence

import numpy as np

from geocrop_processes.errors import SceneUnreadable
from geocrop_processes.features.bands import NO_DATA_DN, SCL, is_clear
from geocrop_processes.imagery.access import Access, read_overview
from geocrop_processes.imagery.scene import LeftOut, Scene

DARKEST_WITH_OFFSET = 1000
"""The first percentile of raw B02 over clear pixels is about this or more where pixels carry the offset."""
DARKEST_WITHOUT_OFFSET = 700
"""It is below this where they do not (measured on real tiles of both collections). B12 is no test: dry soil is
bright there."""
DARKEST_OF_CLOUD = 3000
"""It is above this where all that SCL calls clear is overlooked cloud (measured on real cubes, 3945 and 14901 where
one pixel in twenty was called clear): that says nothing of the offset, and the item is believed."""
PROBES = 5
"""Scenes that are tried before all: where none of them can be read, the archive is away."""
ENOUGH_PIXELS = 100
"""With fewer clear overview pixels a percentile says nothing, and the item is believed."""


def screen(
    scenes: Sequence[Scene], access: Access
) -> tuple[tuple[Scene, ...], tuple[LeftOut, ...]]:
    """Part scenes into those to use and those to leave out, in their order.

    Raises:
        SceneUnreadable: of several scenes, spread over all, none can be read: there is no use in waiting for each.
    """
    files = (scene.files[name] for scene in scenes for name in ("B02", SCL))
    with access.pool(files) as pool:
        known: dict[int, str | SceneUnreadable | None] = {}
        if len(scenes) >= PROBES:
            probes = [i * (len(scenes) - 1) // (PROBES - 1) for i in range(PROBES)]
            tried = list(pool.map(lambda i: _objection(scenes[i]), probes))
            if all(isinstance(found, SceneUnreadable) for found in tried):
                raise SceneUnreadable(f"None of {PROBES} scenes can be read. {tried[0]}")
            known = dict(zip(probes, tried, strict=True))
        others = [i for i in range(len(scenes)) if i not in known]
        known |= zip(others, pool.map(lambda i: _objection(scenes[i]), others), strict=True)
    found = [known[i] for i in range(len(scenes))]
    used = tuple(s for s, objection in zip(scenes, found, strict=True) if objection is None)
    left_out = tuple(
        LeftOut(s.key, str(objection))
        for s, objection in zip(scenes, found, strict=True)
        if objection is not None
    )
    return used, left_out


def _objection(scene: Scene) -> str | SceneUnreadable | None:
    """Why a scene cannot be used; none where it can."""
    try:
        blue = read_overview(scene.files["B02"])
        scl = read_overview(scene.files[SCL], (blue.shape[0], blue.shape[1]))
    except SceneUnreadable as error:
        return error
    clear = blue[is_clear(scl.astype(np.uint8)) & (blue != NO_DATA_DN)]
    if clear.size < ENOUGH_PIXELS:
        return None
    darkest = float(np.percentile(clear, 1))
    if scene.offset and darkest < DARKEST_WITHOUT_OFFSET:
        return (
            f"Its item says that pixels carry the offset of +1000, but its darkest blue is {darkest:.0f}, "
            f"not about {DARKEST_WITH_OFFSET} or more."
        )
    if not scene.offset and DARKEST_WITH_OFFSET <= darkest < DARKEST_OF_CLOUD:
        return (
            f"Its item says that the offset of +1000 was taken off its pixels, but its darkest blue is "
            f"{darkest:.0f}, not below {DARKEST_WITHOUT_OFFSET}."
        )
    return None
