from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geocrop_processes.errors import SceneUnreadable
from geocrop_processes.imagery import screening
from geocrop_processes.imagery.access import Access
from geocrop_processes.imagery.scene import Scene
from geocrop_processes.imagery.screening import screen

Write = Callable[..., Scene]


def blue(pixels: Any, lowest: int, scl: int = 4) -> Any:
    """The pixels with B02 from `lowest` on, all of one scene class."""
    bands = dict(pixels.bands)
    random = np.random.default_rng(3)
    bands["B02"] = random.integers(lowest, lowest + 800, bands["B02"].shape).astype(np.uint16)
    bands["SCL"] = np.full_like(bands["SCL"], scl)
    return replace(pixels, bands=bands)


@pytest.mark.parametrize(
    ("offset", "lowest"), [(0, 150), (0, 900), (-1000, 1050), (-1000, 750), (0, 3100)]
)
def test_a_scene_whose_pixels_are_as_its_item_says_is_used(
    offset: int, lowest: int, random_pixels: Any, write: Write
) -> None:
    scene = write(blue(random_pixels(1), lowest), offset=offset)
    assert screen([scene], Access()) == ((scene,), ())


@pytest.mark.parametrize(
    ("offset", "lowest", "said"),
    [
        (0, 1200, "the offset of +1000 was taken off its pixels, but its darkest blue is 12"),
        (-1000, 150, "pixels carry the offset of +1000, but its darkest blue is 15"),
    ],
)
def test_a_scene_whose_pixels_contradict_its_item_is_left_out_with_both_told(
    offset: int, lowest: int, said: str, random_pixels: Any, write: Write
) -> None:
    scene = write(blue(random_pixels(1), lowest), offset=offset)
    used, (left,) = screen([scene], Access())
    assert used == ()
    assert left.key == scene.key
    assert said in left.reason


@pytest.mark.parametrize("scl", [0, 3, 8, 9, 10, 11])
def test_a_scene_with_too_few_clear_pixels_is_believed(
    scl: int, random_pixels: Any, write: Write
) -> None:
    scene = write(blue(random_pixels(1), 1200, scl), offset=0)
    assert screen([scene], Access())[0] == (scene,)


@pytest.mark.parametrize(("clear", "used"), [(24, 1), (25, 0)])
def test_a_hundred_clear_pixels_are_enough_to_tell(
    clear: int, used: int, random_pixels: Any, write: Write
) -> None:
    pixels = blue(random_pixels(1), 1200, 9)
    # a pixel of SCL covers four of B02
    pixels.bands["SCL"].flat[:clear] = 4
    assert len(screen([write(pixels, offset=0)], Access())[0]) == used


def test_pixels_without_data_do_not_count_as_dark(random_pixels: Any, write: Write) -> None:
    pixels = blue(random_pixels(1), 1200)
    pixels.bands["B02"][:60] = 0
    scene = write(pixels, offset=-1000)
    assert screen([scene], Access())[0] == (scene,)


@pytest.mark.usefixtures("_no_wait")
def test_a_scene_that_cannot_be_read_is_left_out_with_its_file(
    random_pixels: Any, write: Write
) -> None:
    scenes = [write(blue(random_pixels(n), 150), f"scene-{n}") for n in range(3)]
    Path(scenes[1].files["SCL"].href).unlink()
    used, (left,) = screen(scenes, Access())
    assert used == (scenes[0], scenes[2])
    assert left.key == "scene-1"
    assert "scene-1-SCL.tif cannot be read" in left.reason


def test_no_scenes_are_no_scenes() -> None:
    assert screen([], Access()) == ((), ())


@pytest.mark.usefixtures("_no_wait")
def test_where_no_scene_can_be_read_the_archive_is_away(random_pixels: Any, write: Write) -> None:
    scenes = [write(blue(random_pixels(n), 150), f"scene-{n}") for n in range(7)]
    for scene in scenes:
        Path(scene.files["B02"].href).unlink()
    with pytest.raises(SceneUnreadable, match=r"None of 5 scenes can be read\. .*scene-0-B02\.tif"):
        screen(scenes, Access())


@pytest.mark.usefixtures("_no_wait")
def test_each_scene_is_looked_at_once_and_keeps_its_place(
    random_pixels: Any, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenes = [write(blue(random_pixels(n), 150), f"scene-{n}") for n in range(7)]
    Path(scenes[3].files["B02"].href).unlink()
    seen = []
    real = screening._objection

    def counted(scene: Scene) -> Any:
        seen.append(scene.key)
        return real(scene)

    monkeypatch.setattr(screening, "_objection", counted)
    used, left_out = screen(scenes, Access())
    assert [s.key for s in used] == [s.key for i, s in enumerate(scenes) if i != 3]
    assert [s.key for s in left_out] == [scenes[3].key]
    assert sorted(seen) == sorted(s.key for s in scenes)
