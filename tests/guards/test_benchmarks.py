"""Figures are told as they were measured, and the document has a place for each benchmark."""

import json
from operator import mul
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS
from benchmarks.measure import Cost, Figure, apart, median, side_by_side
from benchmarks.report import write_report

DOCUMENT = Path(__file__).parents[2] / "docs" / "performance.md"


def test_a_goal_holds_where_the_other_takes_at_least_so_many_times_as_much() -> None:
    assert Figure("f", 1.0, 2.0, "s", 2.0).holds
    assert not Figure("f", 1.0, 1.99, "s", 2.0).holds
    assert Figure("f", 5.0, 1.0, "s").holds
    assert Figure("f", 0.0, 1.0, "px", 1.0).holds


def test_figures_are_json_whatever_they_are() -> None:
    for figure in (Figure("f", 0.0, 1.0, "px"), Figure("f", 1.0, float("nan"), "s")):
        assert json.loads(json.dumps(figure.to_json(), allow_nan=False))["ratio"] is None


def test_pieces_of_work_take_turns() -> None:
    turns: list[str] = []
    works = {"a": lambda: turns.append("a"), "b": lambda: turns.append("b")}
    assert set(side_by_side(works, 3)) == {"a", "b"}
    assert turns == ["a", "b"] * 3


def test_medians_are_taken_part_by_part() -> None:
    assert median([Cost(1, 9, 5), Cost(2, 8, 4), Cost(3, 7, 6)]) == Cost(2, 8, 5)


def test_memory_is_that_of_the_work_and_not_of_whoever_asks() -> None:
    held = mul(b"x", 400_000_000)
    small, large = (apart(mul, b"x", megabytes * 1_000_000).peak_mb for megabytes in (1, 200))
    assert 190 < large - small < 300
    assert small < len(held) / 1e6


def test_every_benchmark_has_its_place_in_the_document(tmp_path: Path) -> None:
    copy = tmp_path / "performance.md"
    copy.write_text(DOCUMENT.read_text())
    (tmp_path / "images").mkdir()
    figures = [
        Figure("quick", 1.0, 3.0, "s", 2.0, "slow"),
        Figure("peak memory, 4 blocks", 1.0, 1.0, "MB"),
        Figure("peak memory, 4 dates", 1.0, float("nan"), "MB"),
    ]
    write_report(copy, dict.fromkeys(BENCHMARKS, figures))
    assert copy.read_text().count("| quick | slow | 1 s | 3 s | 3 | 2 ✓ |") == len(BENCHMARKS)
    assert (tmp_path / "images/performance.svg").stat().st_size > 1000


def test_a_document_without_a_place_is_refused(tmp_path: Path) -> None:
    copy = tmp_path / "performance.md"
    copy.write_text("nothing")
    with pytest.raises(ValueError, match="marker"):
        write_report(copy, {"features": []})
