"""The page about maps within a season tells what was measured, and nothing else."""

import json
from pathlib import Path

from benchmarks.season import DATES, FIGURES, PAGE, PICTURE, SEEDS, draw, tables, with_tables
from geocrop_processes.domain.as_of import dekads_of_as_of
from geocrop_processes.features.until import known
from geocrop_processes.simulation.legend import LEGEND

MEASURED = json.loads(FIGURES.read_text())


def test_the_tables_are_those_of_the_figures() -> None:
    page = PAGE.read_text()

    assert tables(MEASURED) in page
    assert with_tables(page, MEASURED) == page
    assert with_tables(page.replace("0.", "9."), MEASURED).count(tables(MEASURED)) == 1


def test_the_figures_are_of_all_dates_seeds_and_classes() -> None:
    assert len(SEEDS) >= 3
    assert [date["as_of"] for date in MEASURED["dates"]] == list(DATES)
    for date in MEASURED["dates"]:
        dekads = dekads_of_as_of(date["as_of"])
        assert (date["dekads"], date["features"]) == (dekads, known(dekads).sum())
        assert len(date["runs"]) == len(MEASURED["seeds"]) == len(SEEDS)
        assert all(set(run["f1"]) == {c.name for c in LEGEND} for run in date["runs"])
    for kind in ("places", "seasons"):
        training, test = (str(MEASURED[kind][part]) for part in ("training", "test"))
        assert not any(str(value) in training for value in json.loads(test.replace("'", '"')))


def test_more_of_a_season_tells_more() -> None:
    means = [sum(run["overall"] for run in date["runs"]) for date in MEASURED["dates"]]

    assert means[-1] == max(means)
    assert means[0] == min(means)


def test_the_page_says_that_simulated_accuracies_are_no_claim() -> None:
    page = " ".join(PAGE.read_text().split())

    assert "**Simulated accuracies are plumbing only**" in page
    assert "nothing about crops in Zimbabwe" in page


def test_the_picture_is_drawn_from_the_figures(tmp_path: Path) -> None:
    draw(MEASURED, tmp_path / "drawn.svg")

    drawn, kept = ((tmp_path / "drawn.svg").read_text(), PICTURE.read_text())
    assert kept.startswith("<?xml")
    assert "<svg" in kept
    # another version of what draws may move a point by a digit, but leaves none out
    assert abs(drawn.count("<use ") - kept.count("<use ")) < 20
    assert len(kept) < 200_000
