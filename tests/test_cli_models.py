"""A model is trained, shown, promoted and rolled back from the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from geocrop_processes.cli import main
from tests.tables import DATE, parquet, rows

Run = Callable[..., tuple[int, str, str]]
TRAINING = "--name fields --folds 3 --block-m 20000 --max-rounds 3"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data folder for all tests: they go on from each other, in their order."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "samples.parquet").write_bytes(parquet(rows("", 60), rows(DATE, 60)))
    return folder


@pytest.fixture
def run(data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line; exit code, output, errors."""
    monkeypatch.setenv("GEOCROP_DATA", str(data))

    def run_(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["geocrop", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        text = capsys.readouterr()
        return int(ended.value.code or 0), text.out, text.err

    return run_


@pytest.mark.parametrize(("number", "alias"), [(1, "candidate"), (2, "candidate"), (3, "mine")])
def test_a_model_is_trained_and_says_how_to_use_it(
    number: int, alias: str, run: Run, data: Path
) -> None:
    code, text, said = run(
        *("model-training", str(data / "samples.parquet"), *TRAINING.split(), "--alias", alias)
    )
    assert (code, said.strip()) == (0, "")
    assert text.startswith(f"fields@{number}: Trained on 60 simulated samples of 3 classes")
    for told in ("simulated data", "spatial", f"spatial as of {DATE}", "■ maize", "card.html"):
        assert told in text
    assert text.rstrip().endswith(f"geocrop models promote fields@{number} makes maps use it")


def test_scripts_get_json(run: Run, data: Path) -> None:
    words = ("--whole-season-only", "--name", "whole", *TRAINING.split()[2:], "--json")
    code, text, said = run("model-training", str(data / "samples.parquet"), *words)
    assert (code, said) == (0, "")
    values = json.loads(text)
    assert values["model"] == "whole@1"
    assert values["report"]["as_of"] == []
    assert Path(values["paths"]["card"]).exists()


def test_a_version_is_promoted_and_rolled_back(run: Run) -> None:
    assert run("models", "promote", "fields@1")[:2] == (0, "production is fields@1 now\n")
    assert run("models", "promote", "fields@candidate")[1] == "production is fields@2 now\n"
    assert run("models", "roll-back", "fields")[1] == "production is fields@1 now\n"
    code, text, said = run("models", "roll-back", "fields")
    assert (code, text) == (2, "")
    assert "pointed to nothing before version 1" in said
    code, text, _ = run("models", "promote", "fields@2", "--alias", "best", "--json")
    assert json.loads(text) == {"model": "fields@2", "alias": "best"}


def test_the_list_names_versions_and_aliases(run: Run) -> None:
    for words in (("models", "--json"), ("models", "list", "--json")):
        code, text, _ = run(*words)
        assert code == 0
        assert {e["model"]: e["aliases"] for e in json.loads(text)} == {
            "fields@3": ["mine"],
            "fields@2": ["best", "candidate"],
            "fields@1": ["production"],
            "whole@1": ["candidate"],
        }
    assert "fields@2" in run("models")[1]


def test_the_history_tells_every_move(run: Run) -> None:
    moves = json.loads(run("models", "history", "fields", "--json")[1])
    assert [(m["alias"], m["model"], m["action"]) for m in moves] == [
        ("best", "fields@2", "promoted"),
        ("production", "fields@1", "rolled back"),
        ("production", "fields@2", "promoted"),
        ("production", "fields@1", "promoted"),
        ("mine", "fields@3", "registered"),
        ("candidate", "fields@2", "registered"),
        ("candidate", "fields@1", "registered"),
    ]
    lines = run("models", "history", "fields")[1].splitlines()
    assert len(lines) == 8
    assert "rolled back" in lines[2]


def test_a_card_is_shown_as_text_json_and_page(run: Run, tmp_path: Path) -> None:
    text = run("models", "show", "fields")[1]
    assert text.startswith("fields@1: Trained on")
    assert "tobacco $^$ & <co>" in text
    values = json.loads(run("models", "show", "fields@2", "--json")[1])
    assert (values["model"], values["as_of"]) == ("fields@2", [DATE])
    page = tmp_path / "card.html"
    code, text, said = run("models", "show", "fields", "--html", str(page))
    assert (code, text.split()[0], said) == (0, "page", "")
    assert "<h1>fields@1</h1>" in page.read_text()
    code, text, said = run("models", "show", "fields", "--html", str(tmp_path / "no" / "card.html"))
    assert (code, text) == (2, "")
    assert "cannot be written" in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("models show nobody", "There is no model 'nobody'"),
        ("models promote nobody@1", "There is no model 'nobody@1'"),
        ("models promote fields@2 --alias v1", "An alias begins with a letter"),
        ("models roll-back nobody", "There is no model 'nobody'"),
        ("models roll-back fields --alias other", "it does not exist"),
        ("models history nobody", "There is no model 'nobody'"),
        ("model-training nowhere.parquet --name a", "nowhere.parquet"),
        ("model-training SAMPLES", "Missing option '--name'"),
        ("model-training SAMPLES --name a@b", "name has letters"),
        ("model-training SAMPLES --name a --folds 1", "option folds is from 2 to 50, not 1"),
        ("model-training SAMPLES --name a --as-of 12-31", "no features as of 12-31"),
        ("model-training SAMPLES --name a --as-of 31-12", "no day 31-12"),
        ("model-training CARD --name a", "The table is no Parquet file"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    words: str, sentence: str, run: Run, data: Path
) -> None:
    (data / "card.json").write_text("{}")
    places = {"SAMPLES": str(data / "samples.parquet"), "CARD": str(data / "card.json")}
    code, text, said = run(*(places.get(word, word) for word in words.split()))
    assert code == 2
    assert sentence in said
    assert not text
