"""The commands of docs/learning.md, line by line, on the simulated archive: from labels to a map whose worth is known."""

import csv
import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

import pytest
import rasterio

from geocrop_processes.cli import main
from geocrop_processes.pipeline.class_map import ClassMap
from geocrop_processes.pipeline.table import Table
from geocrop_processes.simulation.labels import answer

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "learning.md"
FASTER = {
    "sample-extraction": "--per-field 2",
    "model-training": "--max-rounds 3 --folds 2",
    "sample-design": "--target-error 0.02",
}
"""What is added to the lines: they show that the parts fit, not how good a model can be."""

pytestmark = pytest.mark.slow


@dataclass
class Shown:
    """What the lines have made."""

    folder: Path
    said: dict[str, str] = field(default_factory=dict)

    def job(self) -> str:
        return str(json.loads((self.folder / "map.json").read_text())["summary"]["job_id"])


def _lines() -> Iterator[str]:
    """The first block of commands."""
    yield from (
        line
        for line in DOCUMENT.read_text(encoding="utf-8").split("```")[1].splitlines()
        if line.startswith("geocrop ")
    )


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """The archive of the checkout is used again; samples, model, map and figures are made anew."""
    shown = Shown(tmp_path_factory.mktemp("shown"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GEOCROP_DATA", str(ROOT / ".geocrop"))
        patch.setenv("GEOCROP_STORAGE__ROOT", str(shown.folder / "store"))
        patch.setenv("GEOCROP_REGISTRY__URI", f"sqlite:///{shown.folder / 'mlflow.db'}")
        patch.chdir(shown.folder)
        for line in _lines():
            _run(line, shown, patch)
        yield shown


def _run(line: str, shown: Shown, patch: pytest.MonkeyPatch) -> None:
    """A line as a shell would run it, on a smaller map."""
    if "$(jq" in line:
        line = line.replace('"$(jq -r .summary.job_id map.json)"', shown.job())
    line, _, target = line.partition(" > ")
    words = [*shlex.split(line), *FASTER.get(line.split()[1], "").split()]
    patch.setattr("sys.argv", ["500" if word == "1500" else word for word in words])
    with pytest.MonkeyPatch.context() as inner:
        told = shown.folder / (target or f"{words[1]}.txt")
        with told.open("w") as file:
            inner.setattr("sys.stdout", file)
            with pytest.raises(SystemExit) as ended:
                main()
    assert not ended.value.code, line
    shown.said[words[1]] = told.read_text()


def test_every_line_does_what_it_says(shown: Shown) -> None:
    assert list(shown.said) == [
        "simulated-labels",
        "sample-extraction",
        "model-training",
        "classify",
        "sample-design",
        "accuracy-assessment",
    ]


def test_the_table_holds_all_classes_and_says_that_it_is_simulated(shown: Shown) -> None:
    table = Table.from_parquet((shown.folder / "samples.parquet").read_bytes())
    assert table.simulated
    assert len(table.legend) == 14
    assert set(table.rows["code"].to_pylist()) == set(table.legend.codes)


def test_the_map_is_made_by_the_model_that_was_trained_and_says_so(shown: Shown) -> None:
    made = json.loads(shown.said["classify"])
    item = json.loads(Path(made["paths"]["item"]).read_text())
    assert item["properties"]["geocrop:model"] == {"name": "fields", "version": "1"}
    with rasterio.open(made["paths"]["class-map"]) as source:
        names = {c["name"] for c in json.loads(source.tags()["LEGEND"])}
    assert {"Maize", "Water", "Trees"} <= names


def test_the_assessment_tells_the_worth_of_the_map_as_the_truth_does(shown: Shown) -> None:
    """The interval of overall accuracy holds the share of all pixels that are right, which nobody knows of a real map."""
    files = sorted((shown.folder / "store").rglob("assessment.json"))
    (report,) = (json.loads(path.read_text()) for path in files)
    made = json.loads(shown.said["classify"])
    judged = ClassMap.of(Path(made["paths"]["class-map"]).read_bytes())
    rows, columns = judged.classes.nonzero()
    lon, lat = judged.centres(rows, columns)
    text = "lon,lat,class\n" + "".join(f"{x},{y},\n" for x, y in zip(lon, lat, strict=True))
    truth = [row["class"] for row in csv.DictReader(StringIO(answer(text.encode()).decode()))]
    mapped = [judged.legend.name_of(code) for code in judged.classes[rows, columns].tolist()]
    right = sum(a == b for a, b in zip(truth, mapped, strict=True))
    low, high = report["overall"]["map"]["interval_95"]
    assert low <= right / len(mapped) <= high
    assert "as the design says" in report["design"]
    assert report["points"]["not_labelled"] == 0
    assert report["notice"]
