"""What is seen of a block may be kept: it is used for the same view only, and never for less than all of it."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
import rasterio

from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.season import Season
from geocrop_processes.features.order import FEATURE_ORDER_V1
from geocrop_processes.features.plain import compute_plain
from geocrop_processes.imagery.access import Access
from geocrop_processes.imagery.cube import read_cube
from geocrop_processes.imagery.scene import LeftOut
from geocrop_processes.models.ensemble import Ensemble
from geocrop_processes.models.members import LightGBM
from geocrop_processes.pipeline.classify import carry_out
from geocrop_processes.pipeline.plan import Find, Plan, Request, plan
from geocrop_processes.pipeline.view import FOLDER, View, _digest, view
from geocrop_processes.registry import RegisteredModel
from geocrop_processes.storage import DATASETS, Storage


@pytest.fixture
def planned(
    model: RegisteredModel,
    storage: Storage,
    access: Access,
    request_of: Callable[[int], Request],
    find: Find,
) -> Plan:
    asked = replace(request_of(64), keep_features=True)
    return plan(
        "job", datetime(2026, 1, 1, tzinfo=UTC), asked, model, find, access, storage=storage
    )


def _without_files(planned: Plan) -> Plan:
    """The same scenes, whose files are gone."""
    scenes = tuple(
        replace(s, files={n: replace(f, href="nowhere.tif") for n, f in s.files.items()})
        for s in planned.scenes
    )
    return replace(planned, job_id="again", scenes=scenes)


def test_a_map_by_another_model_reads_no_pixel_of_a_place_that_was_seen_before(
    planned: Plan, model: RegisteredModel, storage: Storage, access: Access
) -> None:
    carry_out(planned, model, storage=storage, access=access)
    other = replace(model, version="2", ensemble=_retrained(model))
    again = carry_out(_without_files(planned), other, storage=storage, access=access)
    fresh = replace(planned, job_id="fresh", request=replace(planned.request, keep_features=False))
    made_anew = carry_out(fresh, other, storage=storage, access=access)
    assert again.checksums["class-map"] == made_anew.checksums["class-map"]
    assert again.checksums["confidence"] == made_anew.checksums["confidence"]


def _retrained(model: RegisteredModel) -> Ensemble:
    """The same members but one."""
    members = dict(model.ensemble.members)
    del members["catboost"]
    return Ensemble(model.ensemble.codes, members)


def test_nothing_is_kept_unless_a_deployment_says_so(
    planned: Plan, model: RegisteredModel, storage: Storage, access: Access
) -> None:
    silent = replace(planned, request=replace(planned.request, keep_features=False))
    carry_out(silent, model, storage=storage, access=access)
    assert storage.list(DATASETS, FOLDER) == []
    carry_out(planned, model, storage=storage, access=access)
    inside = [planned.grid.window(b).inside(planned.request.aoi).any() for b in planned.blocks]
    assert len(storage.list(DATASETS, FOLDER)) == sum(inside)


def test_whatever_decides_the_features_decides_the_key_and_nothing_else_does(planned: Plan) -> None:
    block, key = planned.blocks[0], _digest(planned, planned.blocks[0])
    scene = planned.scenes[0]
    asked = planned.request
    others = [
        replace(planned, request=replace(asked, aoi=Aoi(30.2, -17.36, 301))),
        replace(planned, request=replace(asked, season=Season(2022, datetime(2023, 3, 1).date()))),  # noqa: DTZ001
        replace(planned, request=replace(asked, season=Season(2021))),
        replace(planned, grid=replace(planned.grid, left=planned.grid.left + 20)),
        replace(planned, scenes=planned.scenes[1:]),
        replace(planned, scenes=(replace(scene, offset=-1000), *planned.scenes[1:])),
        replace(planned, scenes=(replace(scene, baseline="05.00"), *planned.scenes[1:])),
    ]
    keys = {_digest(other, block) for other in others}
    assert len(keys | {key}) == len(others) + 1
    assert _digest(_without_files(planned), block) == key
    assert _digest(replace(planned, model="other@9", digest="0"), block) == key
    assert _digest(replace(planned, scenes=planned.scenes[::-1]), block) == key


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04cut off"])
def test_what_cannot_be_used_is_made_anew_and_told(
    content: bytes,
    planned: Plan,
    storage: Storage,
    access: Access,
    caplog: pytest.LogCaptureFixture,
) -> None:
    block = planned.blocks[0]
    inside = planned.grid.window(block).inside(planned.request.aoi)
    seen = view(planned, block, inside, storage, access)
    [key] = storage.list(DATASETS, FOLDER)
    good = storage.get(DATASETS, key)
    storage.put(DATASETS, key, content, "application/octet-stream")
    again = view(planned, block, inside, storage, access)
    assert np.array_equal(again.features.values, seen.features.values, equal_nan=True)
    assert storage.get(DATASETS, key) == good
    assert "cannot be used" in caplog.text


@pytest.mark.usefixtures("_no_waiting")
def test_a_view_that_lacks_a_scene_is_not_kept(
    planned: Plan, storage: Storage, access: Access
) -> None:
    scene = planned.scenes[3]
    gone = {n: replace(f, href="nowhere.tif") for n, f in scene.files.items()}
    scenes = (*planned.scenes[:3], replace(scene, files=gone), *planned.scenes[4:])
    lacking = replace(planned, scenes=scenes)
    block = planned.blocks[0]
    inside = planned.grid.window(block).inside(planned.request.aoi)
    assert [s.key for s in view(lacking, block, inside, storage, access).left_out] == [scene.key]
    assert storage.list(DATASETS, FOLDER) == []


def test_a_view_survives_its_bytes(planned: Plan, storage: Storage, access: Access) -> None:
    block = planned.blocks[0]
    inside = planned.grid.window(block).inside(planned.request.aoi)
    seen = view(planned, block, inside, storage, access)
    again = View.from_bytes(seen.to_bytes())
    assert (again.used, again.left_out) == (seen.used, ())
    assert seen.left_out == ()
    assert np.array_equal(again.features.values, seen.features.values, equal_nan=True)
    assert np.array_equal(again.features.n_valid, seen.features.n_valid)
    assert np.array_equal(again.features.max_gap_days, seen.features.max_gap_days)
    assert all(isinstance(s, LeftOut) for s in again.left_out)


def test_the_map_is_that_of_plain_numpy_and_of_the_libraries(
    planned: Plan, model: RegisteredModel, storage: Storage, access: Access
) -> None:
    product = carry_out(planned, model, storage=storage, access=access)
    inside = planned.grid.inside(planned.request.aoi)
    cube = read_cube(planned.acquisitions, planned.grid, inside, access).cube.values
    days = [a.day for a in planned.acquisitions]
    plain = compute_plain(cube[:, :-1], cube[:, -1].astype(np.uint8), days).values
    rows = np.ascontiguousarray(plain.reshape(len(FEATURE_ORDER_V1), -1).T)
    known = inside.ravel() & np.isfinite(rows).all(axis=1)
    expected = np.zeros(inside.size, np.uint8)
    expected[known] = model.ensemble.predict(rows[known])
    with rasterio.open(product.paths["class-map"]) as source:
        assert np.array_equal(source.read(1), expected.reshape(inside.shape))


def test_the_item_names_what_evaluated_the_forests(
    planned: Plan, model: RegisteredModel, storage: Storage, access: Access
) -> None:
    product = carry_out(planned, model, storage=storage, access=access)
    item = json.loads(Path(product.paths["item"]).read_text())
    assert item["properties"]["geocrop:engines"] == [model.ensemble.votes.engine]


def test_a_forest_that_is_left_to_its_library_is_told_with_the_reason(
    planned: Plan, model: RegisteredModel, storage: Storage, access: Access
) -> None:
    random = np.random.default_rng(4)
    rows = random.normal(size=(300, len(FEATURE_ORDER_V1))).astype(np.float32)
    rows[:, 0] = random.integers(0, 4, 300)
    data = lightgbm.Dataset(rows, label=rows[:, 0] % 3, categorical_feature=[0])
    booster = lightgbm.train(
        {"objective": "multiclass", "num_class": 3, "verbosity": -1, "num_threads": 1}, data, 3
    )
    ensemble = Ensemble(model.ensemble.codes, {"lightgbm": LightGBM(booster)})
    product = carry_out(planned, replace(model, ensemble=ensemble), storage=storage, access=access)
    item: dict[str, Any] = json.loads(Path(product.paths["item"]).read_text())
    [engine] = item["properties"]["geocrop:engines"]
    assert engine.startswith("library: lightgbm: ")
    assert "categorical" in engine
