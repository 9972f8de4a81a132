import json

import pytest

from geocrop_processes.domain.legend import CropClass, Legend
from geocrop_processes.errors import UnusableModel

MAIZE = CropClass(1, "maize", "#ffd300", 1101060000, cropland=True)
WATER = CropClass(13, "water", "#419bdf")


def test_a_legend_survives_json() -> None:
    legend = Legend((MAIZE, WATER))
    assert Legend.from_json(json.loads(json.dumps(legend.to_json()))) == legend


def test_a_legend_knows_its_codes_names_and_colours() -> None:
    legend = Legend((MAIZE, WATER))
    assert legend.codes == (1, 13)
    assert legend.name_of(13) == "water"
    assert [c.rgb for c in legend] == [(255, 211, 0), (65, 155, 223)]
    assert len(legend) == 2
    with pytest.raises(KeyError):
        legend.name_of(2)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ((), "codes"),
        ((WATER, MAIZE), "ascending"),
        ((MAIZE, CropClass(1, "corn", "#ffd300")), "unique codes"),
        ((CropClass(0, "nothing", "#000000"),), r"1\.\.254"),
        ((CropClass(255, "everything", "#000000"),), r"1\.\.254"),
        ((MAIZE, CropClass(2, "maize", "#000000")), "unique class names"),
        ((CropClass(1, "", "#000000"),), "class names"),
        (
            (CropClass(1, "mai\x01ze", "#ffd300"),),
            r"'mai\\x01ze' has characters that cannot be shown",
        ),
        ((CropClass(1, "maize", "yellow"),), "'yellow', not '#rrggbb'"),
    ],
)
def test_a_legend_that_could_not_be_drawn_or_told_apart_is_refused(
    classes: tuple[CropClass, ...], message: str
) -> None:
    with pytest.raises(UnusableModel, match=message):
        Legend(classes)


def test_a_legend_that_was_kept_with_characters_that_cannot_be_shown_is_read_without_them() -> None:
    kept = [{"code": 1, "name": "mai\x01ze\n", "colour": "#ffd300"}]
    assert Legend.from_json(kept).name_of(1) == "mai\ufffdze\ufffd"


def test_a_class_without_a_name_is_refused() -> None:
    with pytest.raises(UnusableModel, match="name"):
        Legend.from_json([{"code": 1, "colour": "#ffd300"}])


def test_a_class_with_unknown_members_is_refused() -> None:
    with pytest.raises(UnusableModel, match="palette"):
        Legend.from_json([{"code": 1, "name": "maize", "colour": "#ffd300", "palette": "viridis"}])


def test_a_mask_adds_one_class_above_the_highest_code_and_leaves_the_legend_as_it_was() -> None:
    legend = Legend(
        (CropClass(1, "maize", "#ffd300", cropland=True), CropClass(14, "built-up", "#c4281b"))
    )
    masked = legend.masked()
    assert legend.codes == (1, 14)
    assert masked.codes == (1, 14, 15)
    assert masked.name_of(15) == "not cropland (baseline)"
    assert masked.cropland == legend.cropland == (1,)


def test_the_class_of_a_mask_needs_a_code_and_a_name_that_are_free() -> None:
    with pytest.raises(UnusableModel, match=r"1\.\.254"):
        Legend((CropClass(254, "maize", "#ffd300"),)).masked()
    with pytest.raises(UnusableModel, match="unique class names"):
        Legend((CropClass(1, "not cropland (baseline)", "#ffd300"),)).masked()
