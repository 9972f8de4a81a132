"""The whole, on the simulated archive: a place and a season that the demo's model was never trained on."""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rio_cogeo.cogeo import cog_validate
from sklearn.ensemble import RandomForestClassifier

from geocrop_processes.cli import main
from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.season import Season
from geocrop_processes.features import bands
from geocrop_processes.features.compute import Features, compute, compute_block
from geocrop_processes.imagery.access import Access
from geocrop_processes.imagery.catalog import Catalog, Found
from geocrop_processes.imagery.cube import read_cube
from geocrop_processes.imagery.scene import OFFSET
from geocrop_processes.models.accuracy import Accuracy
from geocrop_processes.models.counting import AS_THEY_ARE
from geocrop_processes.pipeline import plan as planning
from geocrop_processes.pipeline import view
from geocrop_processes.pipeline.classify import classify
from geocrop_processes.pipeline.plan import Find, Request
from geocrop_processes.pipeline.product import Product
from geocrop_processes.registry import RegisteredModel, Registry
from geocrop_processes.simulation import (
    DEMO_AOI,
    DEMO_SEASON,
    LEGEND,
    serve,
    training_samples,
    truth,
)
from geocrop_processes.simulation.baseline import BASELINE_KEY, write_baseline
from geocrop_processes.simulation.demonstration import (
    ARCHIVE,
    PER_CLASS,
    SEED,
    Demonstration,
    compare,
    demo_model,
    demonstrate,
)
from geocrop_processes.storage import MODELS, RESULTS, Storage

ROOT = Path(__file__).parents[2]
SMALL = Aoi(30.2, -17.36, 500)

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Demo:
    """The demonstration as `geocrop demo` makes it, and what more maps are made with."""

    made: Demonstration
    folder: Path
    storage: Storage
    model: RegisteredModel
    find: Find

    def map(
        self,
        name: str,
        aoi: Aoi,
        block_px: int = 512,
        find: Find | None = None,
        mask: str = "none",
    ) -> Product:
        return classify(
            name,
            Request(aoi, DEMO_SEASON, ARCHIVE, block_px, min_acquisitions=6, mask=mask),
            self.model,
            find=find or self.find,
            storage=self.storage,
            access=Access(),
            threads=2,
        )

    def rasters(self, product: Product) -> list[bytes]:
        prefix = f"results/{product.job_id}/"
        return [
            self.storage.get(RESULTS, prefix + name) for name in ("class-map.tif", "confidence.tif")
        ]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """What is in the checkout's data folder is used again; what is missing there is made, as by `make demo`."""
    folder = ROOT / ".geocrop"
    kept = Storage(str(folder / "storage"))
    kept.ensure_buckets()
    registry = Registry(f"sqlite:///{folder / 'mlflow.db'}", kept.url(MODELS))
    storage = Storage(str(tmp_path_factory.mktemp("maps")))
    storage.ensure_buckets()

    def silent(_share: float, _message: str) -> None:
        pass

    made = demonstrate(folder, storage, registry, Access(), silent)
    with serve(folder / ARCHIVE) as url:
        model = demo_model(registry, silent)
        yield Demo(made, folder, storage, model, Catalog(url, "s2_l2a").find)


@pytest.fixture(scope="session")
def forest(demo: Demo) -> Accuracy:
    """A random forest that was trained on the very samples, over the very pixels."""
    samples = training_samples(SEED, PER_CLASS, lambda _share, _message: None)
    forest = RandomForestClassifier(200, n_jobs=2, random_state=0).fit(
        samples.features, samples.labels
    )
    planned = planning.plan(
        "forest",
        datetime(2026, 1, 1, tzinfo=UTC),
        Request(DEMO_AOI, DEMO_SEASON, ARCHIVE, 512, min_acquisitions=6),
        demo.model,
        demo.find,
        Access(),
        storage=demo.storage,
    )
    inside = planned.grid.inside(DEMO_AOI)
    cube = read_cube(planned.acquisitions, planned.grid, inside, Access()).cube
    pixels = cube.values[:, :, inside]
    days = [a.day for a in planned.acquisitions]
    features = compute(pixels[:, :-1], pixels[:, -1].astype(np.uint8), days).values.T
    seen = np.isfinite(features).all(axis=1)
    return Accuracy.of(
        truth(planned.grid)[inside][seen], forest.predict(features[seen]), LEGEND.codes
    )


def test_every_class_covers_at_least_a_hundredth_of_the_place(demo: Demo) -> None:
    counts = demo.made.accuracy.matrix.sum(axis=1)
    assert (counts / counts.sum() >= 0.01).all()


def test_the_map_meets_the_truth_well_but_not_too_well(demo: Demo) -> None:
    assert 0.75 <= demo.made.accuracy.overall <= 0.95
    assert demo.made.accuracy.macro_f1 >= 0.60


def test_probabilities_of_simulated_places_that_it_has_not_seen_are_believed_rightly(
    demo: Demo,
) -> None:
    """An expected calibration error below 0.03, by temperatures that spatial folds taught."""
    assert demo.model.card.accuracy["simulated_calibration_error"] < 0.03
    assert demo.model.ensemble.counting != AS_THEY_ARE


def test_the_demo_s_model_knows_where_it_applies(demo: Demo) -> None:
    assert demo.model.applicability is not None
    assert demo.model.card.applicability_threshold == demo.model.applicability.threshold


def test_the_ensemble_is_no_worse_than_a_random_forest_on_the_same_samples(
    demo: Demo, forest: Accuracy, record_property: Callable[[str, object], None]
) -> None:
    ours = demo.made.accuracy
    record_property("ensemble", [ours.overall, ours.macro_f1, ours.f1])
    record_property("forest", [forest.overall, forest.macro_f1, forest.f1])
    print(f"agreement: ensemble {ours.overall:.4f}, random forest {forest.overall:.4f}")  # noqa: T201
    print(f"macro-F1: ensemble {ours.macro_f1:.4f}, random forest {forest.macro_f1:.4f}")  # noqa: T201
    for c in LEGEND:
        print(f"F1 of {c.name}: {ours.f1[c.code]:.3f}, {forest.f1[c.code]:.3f}")  # noqa: T201
    assert ours.overall >= forest.overall - 0.01
    assert ours.macro_f1 >= forest.macro_f1 - 0.01


def test_a_wrong_offset_costs_a_tenth_of_the_agreement(
    demo: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrongly(aoi: Aoi, season: Season) -> Found:
        return Found(tuple(replace(s, offset=OFFSET) for s in demo.find(aoi, season).scenes), ())

    # the check in the plan would leave every one of them out
    monkeypatch.setattr(planning, "screen", lambda scenes, _access: (tuple(scenes), ()))
    product = demo.map("wrong-offset", DEMO_AOI, find=wrongly)
    assert compare(demo.storage, product.job_id).overall <= demo.made.accuracy.overall - 0.10


def test_the_check_of_offsets_leaves_every_wrongly_flagged_scene_out(demo: Demo) -> None:
    (left_out,) = (
        s for s in demo.made.product.summary["scenes_left_out"] if "offset" in s["reason"]
    )
    flags = {
        document["properties"]["title"]: document["properties"]["sentinel:boa_offset_applied"]
        for path in (demo.folder / ARCHIVE).rglob("*_L2A.json")
        for document in [json.loads(path.read_text())]
    }
    assert [title for title, applied in flags.items() if not applied] == [left_out["title"]]


def test_without_the_cloud_mask_a_twentieth_of_the_agreement_is_lost(
    demo: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    # bands of cloudy scenes are read too, and the kernels are told that all is vegetation
    monkeypatch.setattr(bands, "_IS_CLEAR", np.arange(256) > 0)

    def compute_unmasked(cube: Any, *others: Any, until: int) -> Features:
        cube[:, -1][cube[:, -1] > 0] = 4
        return compute_block(cube, *others, until=until)

    monkeypatch.setattr(view, "compute_block", compute_unmasked)
    product = demo.map("no-mask", DEMO_AOI)
    assert compare(demo.storage, product.job_id).overall <= demo.made.accuracy.overall - 0.05


@pytest.fixture(scope="session")
def whole(demo: Demo) -> list[bytes]:
    return demo.rasters(demo.map("whole", SMALL, 4096))


@pytest.mark.parametrize("block_px", [64, 100, 512])
def test_blocks_of_any_size_give_the_bytes_of_the_map_at_once(
    block_px: int, demo: Demo, whole: list[bytes]
) -> None:
    assert demo.rasters(demo.map(f"blocks-{block_px}", SMALL, block_px)) == whole


def test_shuffled_scenes_give_the_same_bytes(demo: Demo, whole: list[bytes]) -> None:
    def shuffled(aoi: Aoi, season: Season) -> Found:
        scenes = demo.find(aoi, season).scenes
        return Found(
            tuple(scenes[i] for i in np.random.default_rng(0).permutation(len(scenes))), ()
        )

    assert demo.rasters(demo.map("shuffled", SMALL, 100, shuffled)) == whole


@pytest.fixture
def run(
    demo: Demo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], tuple[int, str, str]]:
    """Runs a command line on the demo's archive and model; exit code, output, errors."""
    monkeypatch.setenv("GEOCROP_DATA", str(demo.folder))
    monkeypatch.setenv("GEOCROP_STORAGE__ROOT", demo.storage.url("."))

    def run_(line: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", shlex.split(line))
        with pytest.raises(SystemExit) as ended:
            main()
        text = capsys.readouterr()
        return int(ended.value.code or 0), text.out, text.err

    return run_


Run = Callable[[str], tuple[int, str, str]]


def test_the_command_line_of_the_readme_gives_the_map_of_the_demo(demo: Demo, run: Run) -> None:
    readme = (ROOT / "README.md").read_text()
    (line,) = (text for text in readme.splitlines() if text.startswith("geocrop classify "))
    code, text, _ = run(f"{line} --json")
    assert code == 0
    made = json.loads(text)["checksums_sha256"]
    assert made["class-map"] == demo.made.product.checksums["class-map"]
    assert made["confidence"] == demo.made.product.checksums["confidence"]


def test_people_are_told_hectares_scenes_and_paths(run: Run) -> None:
    code, text, _ = run("geocrop classify 30.2 -17.36 300 --year 2022 --catalog simulation")
    assert code == 0
    assert "imulated data" in text
    assert "Maize" in text
    assert "class-map.tif" in text
    assert "its darkest blue is" in " ".join(text.split())


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ("30.2 -17.36 1500 --year 2019", 2, "There is no imagery of season 2019"),
        ("31.5 -17.36 1500 --year 2022", 1, "has no s2_l2a scene at 31.5, -17.36"),
        ("30.2 -17.36 1500 --year 2022 --as-of 2022-10-10", 2, "10-10 is too early"),
        # the demo's model knows no date within a season
        ("30.2 -17.36 1500 --year 2022 --as-of 2023-01-31", 2, "01-31"),
        (
            "30.2 -17.36 1500 --year 2022 --model geocrop-demo@999",
            2,
            "registered are: geocrop-demo@",
        ),
    ],
)
def test_what_the_archive_cannot_give_is_said_in_one_sentence(
    arguments: str, code: int, sentence: str, run: Run
) -> None:
    ended, _, said = run(f"geocrop classify {arguments} --catalog simulation")
    assert ended == code
    assert sentence in said
    assert len(said.strip().splitlines()) == 1


def test_the_real_address_without_a_network_fails_with_one_sentence_within_its_time_out(
    demo: Demo,
) -> None:
    """In a process of its own: here the network is blocked by Python, there it is absent."""
    started = time.monotonic()
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "geocrop_processes.cli",
            *["classify", "30.2", "-17.36", "1500", "--year", "2022"],
        ],
        env={
            **os.environ,
            "GEOCROP_DATA": str(demo.folder),
            "GEOCROP_CATALOG__TIMEOUT_S": "5",
            # an address where nothing answers, for machines that do have a network
            "HTTPS_PROXY": "http://127.0.0.1:9",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 1
    (line,) = ended.stderr.strip().splitlines()
    assert line.startswith(
        "Error: The catalogue at https://explorer.digitalearth.africa/stac cannot be searched"
    )
    # three tries of 5 s each, their pauses, and the start of the process on a busy machine
    assert time.monotonic() - started < 60


def test_the_figures_are_told_to_scripts(demo: Demo) -> None:
    figures = json.loads(json.dumps(demo.made.to_json()))
    assert figures["checksum_sha256"] == demo.made.product.checksums["class-map"]
    assert figures["agreement"] == demo.made.accuracy.overall
    assert figures["macro_f1"] == demo.made.accuracy.macro_f1
    assert set(figures["hectares"]) == {c.name for c in LEGEND}
    assert all(Path(path).is_file() for path in figures["paths"].values())
    assert figures["seconds"] > 0
    assert "imulated" in figures["notice"]


def test_the_map_is_compared_with_the_simulated_baseline(demo: Demo) -> None:
    told = demo.made.product.summary["baseline"]
    assert told["keys"] == [BASELINE_KEY]
    # the map errs, and so does the baseline in patches of 8 %
    assert 0.8 <= told["agreement"] <= 0.98
    assert told["baseline_cropland_hectares"] == pytest.approx(
        told["map_cropland_hectares"], rel=0.15
    )
    assert demo.made.product.summary["mask"] == "none"


def test_a_mask_takes_off_crops_alone_and_only_where_the_baseline_shows_none(demo: Demo) -> None:
    write_baseline(demo.storage)
    plain, masked = demo.map("plain", SMALL), demo.map("masked", SMALL, mask="cropland")
    with (
        rasterio.open(plain.paths["class-map"]) as one,
        rasterio.open(masked.paths["class-map"]) as other,
    ):
        before, after = one.read(1), other.read(1)
    taken = after == 15
    assert 0.002 < taken.sum() / (before != 0).sum() < 0.2
    assert set(np.unique(before[taken])) <= set(LEGEND.cropland)
    assert (before[~taken] == after[~taken]).all()


def test_an_acquisition_of_two_zones_is_one_observation(demo: Demo) -> None:
    summary = demo.made.product.summary
    used = [title.split("_") for title in summary["scenes_used"]]
    with rasterio.open(demo.made.product.paths["class-map"]) as source:
        assert source.crs.to_epsg() == 32735, "the tiles tie, and 35KRA comes before 36KTF"
    # the circle lies in both tiles: of a pass that saw all of it, the other zone's copy gives pixels only where
    # its twin is left out; of the second orbit's passes it can give some along the edge of the swath
    wrong = [s["title"] for s in summary["scenes_left_out"] if "offset" in s["reason"]]
    copies = [t[2] for t in used if t[5] == "T36KTF" and t[4] == "R092"]
    assert copies == [t.split("_")[2] for t in wrong]
    assert {t[4] for t in used} == {"R092", "R135"}


def test_every_raster_is_a_valid_cog(demo: Demo) -> None:
    for key in ("class-map", "confidence"):
        valid, errors, warnings = cog_validate(demo.made.product.paths[key], strict=True)
        assert (valid, errors, warnings) == (True, [], [])


def test_the_item_says_that_all_is_simulated(demo: Demo) -> None:
    item = json.loads(Path(demo.made.product.paths["item"]).read_text())
    assert item["properties"]["geocrop:simulated"] is True
    assert "imulated" in item["properties"]["description"]
    assert demo.model.card.simulated
