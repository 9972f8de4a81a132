"""A map is judged by points: the figures are those of the paper, and nothing is dropped in silence."""

import csv
import json
import re
from collections.abc import Sequence
from datetime import date
from html.parser import HTMLParser
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from geocrop_processes.domain.aoi import Region
from geocrop_processes.domain.grid import Block, Grid
from geocrop_processes.domain.legend import CropClass, Legend
from geocrop_processes.errors import InvalidLabels, InvalidSample
from geocrop_processes.pipeline.assess import (
    Assessment,
    Strata,
    assess,
    design_sample,
    legend_of_map,
    read_strata,
)
from geocrop_processes.pipeline.class_map import ClassMap
from geocrop_processes.pipeline.labels import CSV, GEOJSON, Labels, read_labels
from geocrop_processes.publish.cog import write_class_map
from geocrop_processes.storage import RESULTS, Storage

WORLD = Region("the world", -180, -80, 180, 84)
OLOFSSON = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
"""Olofsson et al. 2014, table 8: rows are the map, columns the reference."""
LEGEND = Legend(
    (
        CropClass(1, "deforestation", "#ff0000"),
        CropClass(2, "forest gain", "#00ff00"),
        CropClass(3, "stable forest", "#008800"),
        CropClass(7, "stable non-forest", "#888888"),
    )
)
CODES = LEGEND.codes


def class_map(folder: Path, classes: npt.NDArray[np.uint8], legend: Legend = LEGEND) -> bytes:
    height, width = classes.shape
    path = folder / "map.tif"
    grid = Grid(32736, 250_000, 8_100_000, width, height)
    write_class_map(path, grid, [(Block(0, 0, height, width), classes)], legend, {}, 1)
    return path.read_bytes()


@pytest.fixture(scope="module")
def forest(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The map of the paper's example, a hundredth of its size: the shares of its classes are the same."""
    pixels = np.array([2_000, 1_500, 32_000, 64_500])
    classes = np.repeat(np.array(CODES, np.uint8), pixels)
    random = np.random.default_rng(1)
    rows = np.concatenate([random.permutation(classes), np.zeros(400, np.uint8)])
    return class_map(tmp_path_factory.mktemp("forest"), rows.reshape(-1, 400))


def points(
    judged: bytes, counts: npt.NDArray[Any], names: Sequence[str], extra: Sequence[str] = ()
) -> Labels:
    """A sample of a map with just these counts, as a CSV that a person has filled in."""
    found = ClassMap.of(judged)
    lines = ["id,lon,lat,class"]
    for code, row in zip(CODES, counts, strict=True):
        places = np.argwhere(found.classes == code)[: row.sum()]
        lon, lat = found.centres(places[:, 0], places[:, 1])
        labelled = np.repeat(np.array(names), row)
        lines += [
            f"{len(lines) + i},{x:.7f},{y:.7f},{name}"
            for i, (x, y, name) in enumerate(zip(lon, lat, labelled, strict=True))
        ]
    text = "\n".join([*lines, *extra])
    return read(text, judged)


def read(text: str, judged: bytes, **others: Any) -> Labels:
    return read_labels(
        text.encode(),
        CSV,
        region=WORLD,
        today=date(2026, 1, 1),
        legend=legend_of_map(judged),
        open_legend=True,
        season=2022,
        **others,
    )


def judge(judged: bytes, labels: Labels, storage: Storage, **others: Any) -> Assessment:
    return assess("job", judged, labels, storage, title="a map", **others)


def test_the_papers_example_comes_out_of_a_map_and_its_points(
    forest: bytes, storage: Storage
) -> None:
    """Olofsson et al. 2014, section 5.2; areas scaled to this map's."""
    report = judge(forest, points(forest, OLOFSSON, [c.name for c in LEGEND]), storage).report
    assert report["matrix"]["counts"] == OLOFSSON.tolist()
    assert round(report["overall"]["map"]["value"], 2) == 0.95
    whole = {c["name"]: c for c in report["classes"]}
    first = whole["deforestation"]
    assert first["mapped_hectares"] == 20.0
    assert round(first["users"]["map"]["value"], 2) == 0.88
    assert round(first["producers"]["map"]["value"], 2) == 0.75
    # the paper's 21,158 +- 6,158 ha are of 10,000,000 pixels of 0.09 ha; here are 100,000 of 0.01 ha
    low, high = first["hectares"]["interval_95"]
    scale = 100_000 * 0.01 / (10_000_000 * 0.09)
    assert first["hectares"]["value"] == pytest.approx(21_158 * scale, abs=0.01)
    assert (high - low) / 2 == pytest.approx(6_158 * scale, abs=0.01)
    assert report["points"]["used"] == OLOFSSON.sum()
    assert "How the points were drawn is not known" in report["design"]


def test_the_files_are_stored_with_their_checksums(forest: bytes, storage: Storage) -> None:
    made = judge(forest, points(forest, OLOFSSON, [c.name for c in LEGEND]), storage)
    assert [f.key for f in made.files] == ["assessment", "page"]
    stored = json.loads(storage.get(RESULTS, "results/job/assessment.json"))
    assert stored == made.report
    again = judge(forest, points(forest, OLOFSSON, [c.name for c in LEGEND]), storage)
    assert again.files == made.files


class _Page(HTMLParser):
    """What a browser would ask for, and the rows of the tables."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.tags: list[str] = []
        self.cells: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.asked += [value or "" for name, value in attrs if name in {"src", "href"}]
        if tag in {"td", "th"}:
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1] += data


def test_the_page_has_the_matrix_and_asks_for_nothing(forest: bytes, storage: Storage) -> None:
    names = ["deforestation", "<script>alert(1)</script>", "stable forest", "stable non-forest"]
    judge(forest, points(forest, OLOFSSON, names), storage, notice="Simulated data.")
    text = storage.get(RESULTS, "results/job/assessment.html").decode()
    page = _Page(text)
    assert page.asked == []
    assert "script" not in page.tags
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "Simulated data." in text
    numbers = [cell.strip() for cell in page.cells]
    assert {"66", "55", "153", "313"} <= set(numbers)


def test_a_class_that_the_map_does_not_have_counts_against_it(
    forest: bytes, storage: Storage
) -> None:
    names = ["deforestation", "swamp", "stable forest", "stable non-forest"]
    report = judge(forest, points(forest, OLOFSSON, names), storage).report
    swamp = next(c for c in report["classes"] if c["name"] == "swamp")
    assert (swamp["on_map"], swamp["mapped_hectares"]) == (False, 0)
    assert swamp["points_reference"] == OLOFSSON[:, 1].sum()
    assert swamp["users"] == {"sample": None, "map": None}
    assert swamp["producers"]["map"]["value"] == 0
    assert swamp["hectares"]["value"] > 0
    assert report["overall"]["sample"]["value"] == pytest.approx(
        (66 + 153 + 313) / OLOFSSON.sum(), abs=1e-6
    )


def test_points_that_cannot_be_compared_are_counted_with_the_reason(
    forest: bytes, storage: Storage
) -> None:
    found = ClassMap.of(forest)
    place = np.argwhere(found.classes == 0)[:1]
    (lon,), (lat,) = found.centres(place[:, 0], place[:, 1])
    extra = [f"x,{lon},{lat},stable forest", "y,10,10,stable forest"]
    labels = points(forest, OLOFSSON, [c.name for c in LEGEND], extra)
    report = judge(forest, labels, storage).report
    assert report["points"]["given"] == report["points"]["used"] + 2
    assert report["points"]["left_out_by_reason"] == {
        "the map has no data there": 1,
        "it lies outside of the map": 1,
    }
    assert [p["row"] for p in report["points"]["left_out"]] == [642, 643]
    with pytest.raises(InvalidLabels, match=r"642 because its season is not the map's"):
        judge(forest, labels, storage, year=2021)


def test_polygons_judge_no_map(forest: bytes, storage: Storage) -> None:
    ring = [[30, -17], [30.001, -17], [30.001, -17.001], [30, -17]]
    feature = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"class": "stable forest", "season": 2022},
    }
    content = json.dumps({"type": "FeatureCollection", "features": [feature]}).encode()
    labels = read_labels(content, GEOJSON, region=WORLD, today=date(2026, 1, 1))
    with pytest.raises(InvalidLabels, match="judged by points: row 1 is a Polygon"):
        judge(forest, labels, storage)


def test_without_a_point_in_a_mapped_class_no_areas_are_told_and_it_says_why(
    forest: bytes, storage: Storage
) -> None:
    counts = OLOFSSON.copy()
    counts[0] = 0
    report = judge(forest, points(forest, counts, [c.name for c in LEGEND]), storage).report
    assert report["no_areas_because"] == "No reference sample lies in the map classes [1]."
    assert report["overall"]["map"] is None
    assert report["overall"]["sample"]["points"] == counts.sum()
    assert (
        "Nothing can be estimated" in storage.get(RESULTS, "results/job/assessment.html").decode()
    )


def test_what_is_no_class_map_is_refused(storage: Storage, forest: bytes) -> None:
    labels = points(forest, OLOFSSON, [c.name for c in LEGEND])
    for content in (b"", b"II*\0nonsense", b"<VRTDataset/>"):
        with pytest.raises(InvalidSample, match="no class map of GeoCrop"):
            judge(content, labels, storage)


@pytest.fixture(scope="module")
def designed(forest: bytes) -> tuple[bytes, Strata]:
    made = design_sample(
        forest, expected={1: 0.7, 2: 0.6, 3: 0.9, 7: 0.95}, year=2022, media_type=CSV
    )
    return made.points, read_strata(made.strata)


def test_a_design_has_the_papers_size_and_lies_in_its_strata(
    forest: bytes, designed: tuple[bytes, Strata]
) -> None:
    """Olofsson et al. 2014, section 5.1: 641 points, of which its table 5 gives 75 to the rare classes; 50 here."""
    content, strata = designed
    rows = list(csv.DictReader(StringIO(content.decode())))
    assert len(rows) == len(strata.of_point)
    assert 630 <= len(rows) <= 650
    judged = ClassMap.of(forest)
    at = judged.at([float(r["lon"]) for r in rows], [float(r["lat"]) for r in rows])
    assert at.tolist() == [strata.of_point[r["id"]] for r in rows]
    assert min(np.unique(at, return_counts=True)[1]) == 50
    assert strata.pixels == judged.pixels


def test_whoever_labels_sees_nothing_of_the_map(
    forest: bytes, designed: tuple[bytes, Strata]
) -> None:
    content, strata = designed
    rows = list(csv.DictReader(StringIO(content.decode())))
    assert set(rows[0]) == {"id", "lon", "lat", "season", "class"}
    assert {r["class"] for r in rows} == {""}
    order = [strata.of_point[r["id"]] for r in rows]
    # runs of one class would tell where another begins
    changes = sum(a != b for a, b in pairwise(order))
    assert changes > len(order) / 4
    points_ = json.loads(design_sample(forest, expected={}, year=2022, seed=2).points)
    assert set(points_["features"][0]["properties"]) == {"id", "season", "class"}
    assert not re.search("forest", json.dumps(points_))


def test_the_same_seed_draws_the_same_points_and_another_does_not(forest: bytes) -> None:
    one, same, other = (design_sample(forest, expected={}, year=2022, seed=s) for s in (1, 1, 2))
    assert one == same
    assert one.points != other.points


def filled(content: bytes, answers: Sequence[str]) -> str:
    rows = list(csv.reader(StringIO(content.decode())))
    return "\n".join(
        [
            ",".join(rows[0]),
            *(",".join([*r[:-1], a]) for r, a in zip(rows[1:], answers, strict=True)),
        ]
    )


def test_a_sample_that_was_drawn_by_design_says_so_and_points_without_a_label_are_counted(
    forest: bytes, designed: tuple[bytes, Strata], storage: Storage
) -> None:
    content, strata = designed
    answers = [LEGEND.name_of(code) for code in strata.of_point.values()]
    text = filled(content, answers)
    some = "\n".join([*text.splitlines()[:-3], "9999,30,-17,2022,swamp"])
    report = judge(forest, read(some, forest), storage, strata=strata, year=2022).report
    assert "drawn at random within the map's classes, as the design says" in report["design"]
    assert report["overall"]["map"]["value"] == 1
    assert report["points"]["not_labelled"] == 3
    assert report["points"]["left_out_by_reason"]


def test_a_map_that_was_masked_after_its_sample_was_drawn_is_judged_by_the_strata(
    forest: bytes, designed: tuple[bytes, Strata], storage: Storage, tmp_path: Path
) -> None:
    content, strata = designed
    before = ClassMap.of(forest)
    classes = before.classes.copy()
    taken = (classes == 3) & (np.arange(classes.shape[1]) % 3 == 0)
    classes[taken] = 8
    masked = class_map(tmp_path, classes, LEGEND.masked())
    answers = [LEGEND.name_of(code) for code in strata.of_point.values()]
    labels = read(filled(content, answers), masked)
    report = judge(masked, labels, storage, strata=strata).report
    assert "strata that are not the map's classes any more" in report["design"]
    truth = (before.classes == classes)[classes != 0].mean()
    low, high = report["overall"]["map"]["interval_95"]
    assert low <= truth <= high
    forest_ = next(c for c in report["classes"] if c["name"] == "stable forest")
    # what the strata knew of the area is still known
    assert forest_["hectares"]["value"] == pytest.approx(320, abs=0.01)
    assert forest_["mapped_hectares"] < 230


@pytest.mark.parametrize(
    "content",
    [b"", b"id,stratum\n1,2\n", b"id,stratum,pixels\n1,x,3\n", b"\xff", b"id,stratum,pixels\n"],
)
def test_strata_that_are_none_are_refused(content: bytes) -> None:
    with pytest.raises(InvalidSample, match="strata"):
        read_strata(content)
