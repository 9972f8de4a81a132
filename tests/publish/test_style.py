"""QGIS style and GDAL side file: well-formed XML with every name and colour."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geocrop_processes.domain.legend import CropClass, Legend
from geocrop_processes.publish.style import gdal_pam, qml

_names = st.text(
    st.characters(min_codepoint=32, exclude_categories=["C", "Z"], include_characters=" "),
    min_size=1,
)


def _entries(text: str) -> list[dict[str, str]]:
    return [dict(e.attrib) for e in ET.fromstring(text).iter("paletteEntry")]  # noqa: S314 - ours


def test_the_style_has_each_class_with_its_name_and_colour_and_no_entry_of_no_data(
    legend: Legend,
) -> None:
    assert _entries(qml(legend)) == [
        {"value": str(c.code), "color": c.colour, "label": c.name, "alpha": "255"} for c in legend
    ]


def test_the_style_is_a_paletted_renderer_of_the_first_band(legend: Legend) -> None:
    text = qml(legend)
    assert text.startswith("<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n<qgis ")
    renderer = ET.fromstring(text).find("pipe/rasterrenderer")  # noqa: S314 - ours
    assert renderer is not None
    assert (renderer.get("type"), renderer.get("band")) == ("paletted", "1")


@settings(max_examples=30, deadline=None)
@given(name=_names)
def test_any_name_survives_the_escaping(name: str) -> None:
    legend = Legend((CropClass(7, name, "#00ff00"),))
    assert _entries(qml(legend))[0]["label"] == name
    pam = ET.fromstring(gdal_pam(legend))  # noqa: S314 - ours
    assert pam.findall(".//Category")[7].text == name


def test_the_side_file_names_category_n_at_place_n_and_leaves_unused_ones_empty(
    legend: Legend,
) -> None:
    pam = ET.fromstring(gdal_pam(legend))  # noqa: S314 - ours
    names = [e.text or "" for e in pam.findall(".//Category")]
    assert len(names) == 201
    assert {n: name for n, name in enumerate(names) if name} == {0: "no data"} | {
        c.code: c.name for c in legend
    }


@pytest.mark.parametrize("place", range(4))
def test_the_attribute_table_has_a_row_per_class(legend: Legend, place: int) -> None:
    c = legend.classes[place]
    pam = ET.fromstring(gdal_pam(legend))  # noqa: S314 - ours
    row = [f.text or "" for f in pam.findall(".//Row")[place + 1].findall("F")]
    code = "" if c.worldcereal is None else str(c.worldcereal)
    assert row == [str(v) for v in (c.code, c.name, *c.rgb, 255, code)]
