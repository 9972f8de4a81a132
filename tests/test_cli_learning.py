"""What the commands about labels and accuracy refuse, and what they make of a map that is there."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from geocrop_processes.cli import app, main
from geocrop_processes.domain.grid import Block, Grid
from geocrop_processes.domain.legend import CropClass, Legend
from geocrop_processes.publish.cog import write_class_map

Run = Callable[..., tuple[int, str, str]]
DOCUMENT = Path(__file__).parents[1] / "docs" / "learning.md"
LEGEND = Legend((CropClass(1, "Maize", "#ffd300"), CropClass(2, "Water", "#419bdf")))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder for all tests: making the registry takes seconds."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture
def run(
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Runs a command line in an empty folder; exit code, output, errors."""
    monkeypatch.setenv("GEOCROP_DATA", str(data))
    monkeypatch.chdir(tmp_path)

    def run_(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["geocrop", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        text = capsys.readouterr()
        return int(ended.value.code or 0), text.out, text.err

    return run_


@pytest.fixture
def judged(tmp_path: Path) -> str:
    """A class map of two halves, as a file."""
    classes = np.repeat(np.array([1, 2], np.uint8), 50)[None, :].repeat(80, axis=0)
    grid = Grid(32735, 839_700, 8_078_200, 100, 80)
    tags = {"TITLE": "Crop map 2022-09-01..2023-05-31", "NOTICE": "Simulated data.", "MODEL": "m@1"}
    path = tmp_path / "map.tif"
    write_class_map(path, grid, [(Block(0, 0, 80, 100), classes)], LEGEND, tags, 1)
    return str(path)


def _written(tmp_path: Path, name: str, text: str) -> str:
    (tmp_path / name).write_text(text)
    return str(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "text", "words", "sentence"),
    [
        (
            "a.kml",
            "",
            (),
            "Labels are read from .geojson, .json, .csv, .txt, .gpkg, not from 'a.kml'",
        ),
        ("a.csv", "lon,lat\n30,-17\n", (), "no column 'class'"),
        ("a.csv", "lon,lat,class\n30,-17,maize\n", (), "Row 2: the season is missing"),
        ("a.csv", "lon,lat,class\n-17,30,maize\n", ("--season", "2022"), "are swapped"),
        ("a.csv", "lon,lat,class\n30,-17,x\n", ("--season", "9000"), "season 9000"),
        (
            "a.csv",
            "lon,lat,class,season\n30,-17,maize,2022\n",
            ("--as-of", "07-01"),
            "07-01 lies outside every season",
        ),
        (
            "a.csv",
            "lon,lat,class,season\n30,-17,maize,2022\n",
            ("--per-field", "0"),
            "greater than or equal to 1",
        ),
    ],
)
def test_bad_labels_are_one_sentence_and_exit_code_2(
    name: str, text: str, words: tuple[str, ...], sentence: str, run: Run, tmp_path: Path
) -> None:
    code, said, error = run("sample-extraction", _written(tmp_path, name, text), *words)
    assert (code, said) == (2, "")
    assert sentence in " ".join(error.split())
    assert len(error.strip().splitlines()) == 1


def test_a_legend_that_is_none_is_refused(run: Run, tmp_path: Path) -> None:
    labels = _written(tmp_path, "a.csv", "lon,lat,class,season\n30,-17,maize,2022\n")
    for text in ("no JSON", "[]", '[{"code": 1}]'):
        legend = _written(tmp_path, "legend.json", text)
        code, _, error = run("sample-extraction", labels, "--legend", legend)
        assert code == 2
        assert "The legend" in error


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("30.2", "-17.36", "99", "--year", "2022"), "at least 100 m"),
        (("-17.36", "30.2", "500", "--year", "2022"), "swapped"),
        (("30.2", "-17.36", "500", "--year", "9000"), "it begins on 9000-09-01"),
    ],
)
def test_a_place_or_season_that_cannot_be_is_refused(
    words: tuple[str, ...], sentence: str, run: Run
) -> None:
    code, _, error = run("feature-extraction", *words)
    assert code == 2
    assert sentence in error


def test_a_map_is_designed_for_answered_and_judged(run: Run, judged: str, tmp_path: Path) -> None:
    code, text, _ = run("sample-design", judged, "--out", "points.csv", "--least", "20")
    assert code == 0
    assert "points.strata.csv" in text
    points = (tmp_path / "points.csv").read_text().splitlines()
    assert points[0] == "id,lon,lat,season,class"
    strata = (tmp_path / "points.strata.csv").read_text().splitlines()
    truth = dict(line.split(",")[0:3:2] for line in strata[1:])
    # one of the water's points is maize
    wrong = next(name for name, answer in truth.items() if answer == "Water")
    truth[wrong] = "Maize"
    answered = [points[0], *(line + truth[line.split(",")[0]] for line in points[1:])]
    reference = _written(tmp_path, "answered.csv", "\n".join(answered))
    code, text, _ = run("accuracy-assessment", judged, reference, "--strata", "points.strata.csv")
    assert code == 0
    for told in (
        "Simulated data.",
        "overall accuracy 0.99",
        "as the design says",
        "assessment.html",
    ):
        assert told in " ".join(text.split())
    code, text, _ = run("accuracy-assessment", judged, reference, "--json")
    told_ = json.loads(text)
    assert (code, told_["assessment"]["season"]) == (0, 2022)
    assert "is not known" in told_["assessment"]["design"]
    assert Path(told_["paths"]["assessment"]).is_file()


@pytest.mark.parametrize("product", ["nobodys", "../../etc", "map.txt"])
def test_a_map_that_is_not_there_is_told(product: str, run: Run) -> None:
    code, _, error = run("sample-design", product, "--out", "points.csv")
    assert code == 2
    assert f"There is no map of a job '{product}', and no such file." in error


def test_points_are_written_as_geojson_or_csv_and_where_one_can_write(
    run: Run, judged: str
) -> None:
    code, _, error = run("sample-design", judged, "--out", "points.gpkg")
    assert (code, "as .geojson or .csv, not as 'points.gpkg'" in error) == (2, True)
    code, _, error = run("sample-design", judged, "--out", "nowhere/points.csv")
    assert (code, "cannot be written: No such file" in error) == (2, True)
    code, text, _ = run("sample-design", judged, "--out", "points.geojson", "--json")
    assert code == 0
    assert json.loads(text)["sizes"].keys() == {"1", "2"}


@pytest.mark.parametrize(
    "command",
    [
        "sample-extraction",
        "feature-extraction",
        "accuracy-assessment",
        "sample-design",
        "simulated-labels",
    ],
)
def test_each_command_explains_itself(command: str, run: Run) -> None:
    code, text, _ = run(command, "--help")
    assert code == 0
    assert len(text) > 300


def test_the_document_names_commands_and_options_that_there_are() -> None:
    commands: Any = typer.main.get_command(app)
    lines = [line for line in DOCUMENT.read_text().split("```")[1].splitlines() if line]
    assert len(lines) == 7
    for line in lines:
        name, *words = shlex.split(line.partition(" > ")[0])[1:]
        known = {option for param in commands.commands[name].params for option in param.opts}
        assert {word for word in words if word.startswith("--")} <= known, line
