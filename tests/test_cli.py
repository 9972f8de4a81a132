"""What the command line refuses before any scene is searched; maps are made in e2e/test_demo.py."""

from collections.abc import Callable
from pathlib import Path

import pytest

from geocrop_processes.cli import main

Run = Callable[[str], tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line on an empty data folder; exit code, output, errors."""
    monkeypatch.setenv("GEOCROP_DATA", str(tmp_path))

    def run_(line: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", line.split())
        with pytest.raises(SystemExit) as ended:
            main()
        text = capsys.readouterr()
        return int(ended.value.code or 0), text.out, text.err

    return run_


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("-17.36 30.20 1500 --year 2022", "Longitude and latitude are swapped"),
        ("10 -17.36 1500 --year 2022", "lies outside Zimbabwe"),
        ("30.2 -17.36 99 --year 2022", "at least 100 m"),
        ("30.2 -17.36 25001 --year 2022", "at most 25000 m"),
        ("30.2 -17.36 nan --year 2022", "must be numbers"),
        ("30.2 -17.36 1500 --year 2014", "no imagery of season 2014"),
        ("30.2 -17.36 1500 --year 9000", "it begins on 9000-09-01"),
        ("30.2 -17.36 1500 --year 99999", "season 99999"),
        ("30.2 -17.36 1500 --year 2022 --as-of 2023-06-01", "lies outside season 2022"),
        ("30.2 -17.36 1500 --year 2022 --as-of yesterday", "yesterday"),
        ("30.2 -17.36 1500 --year 2022 --as-of 2022-10-15", "10-31 is the first"),
        ("30.2 -17.36 1500 --year 2022 --model nobodys", "There is no model 'nobodys'"),
        (
            "30.2 -17.36 1500 --year 2022",
            "There is no model 'geocrop-demo'; registered are: none yet",
        ),
        ("30.2 -17.36 1500", "Missing option '--year'"),
        ("30.2 -17.36 wide --year 2022", "Invalid value for 'radius'"),
        ("30.2 -17.36 1500 --year 2022 --mask trees", "'trees' is not one of 'none', 'cropland'"),
        ("30.2 -17.36 1500 7 --year 2022", "unexpected extra argument"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(arguments: str, sentence: str, run: Run) -> None:
    code, text, said = run(f"geocrop classify {arguments}")
    assert code == 2
    assert sentence in said
    assert len(said.strip().splitlines()) == 1
    assert not text


def test_a_bad_setting_names_its_variable(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEOCROP_MAP__BLOCK_PX", "three")
    code, _, said = run("geocrop models")
    assert code == 2
    assert "GEOCROP_MAP__BLOCK_PX='three' is not usable" in said


def test_without_models_it_says_how_to_get_one(run: Run) -> None:
    assert run("geocrop models") == (
        0,
        "No model is registered yet: `geocrop demo` makes one.\n",
        "",
    )
    assert run("geocrop models --json") == (0, "[]\n", "")


@pytest.mark.parametrize("command", ["", "classify", "demo", "models"])
def test_each_command_explains_itself(command: str, run: Run) -> None:
    code, text, _ = run(f"geocrop {command} --help")
    assert code == 0
    assert "Usage" in text
    assert len(text) > 300


def test_without_a_command_it_shows_them(run: Run) -> None:
    code, text, said = run("geocrop")
    assert code == 2
    assert "classify" in text + said
    assert "Error" not in said
