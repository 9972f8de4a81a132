"""What a map says of how far it can be trusted: the area of applicability, probabilities, the model's card."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import rasterio

from geocrop_processes.imagery.access import Access
from geocrop_processes.pipeline.block import BlockResult
from geocrop_processes.pipeline.classify import classify
from geocrop_processes.pipeline.plan import Find, Request, plan
from geocrop_processes.pipeline.product import Product
from geocrop_processes.registry import RegisteredModel
from geocrop_processes.storage import RESULTS, Storage

Make = Callable[..., Product]
RequestOf = Callable[[int], Request]
Bytes = npt.NDArray[np.uint8]


@pytest.fixture
def make(storage: Storage, access: Access, request_of: RequestOf, find: Find) -> Make:
    def make_(
        model: RegisteredModel, block_px: int = 64, *, probabilities: bool = False, job: str = "job"
    ) -> Product:
        return classify(
            job,
            replace(request_of(block_px), probabilities=probabilities),
            model,
            find=find,
            storage=storage,
            access=access,
        )

    return make_


def _raster(product: Product, key: str) -> Bytes:
    with rasterio.open(product.paths[key]) as source:
        pixels: Bytes = source.read()
    return pixels


def test_pixels_unlike_the_training_are_marked_and_summed(
    make: Make, wary: RegisteredModel
) -> None:
    product = make(wary)
    classes = _raster(product, "class-map")[0]
    unlike = _raster(product, "confidence")[6]
    water = classes == 13
    assert (unlike[water] > 100).all()
    assert ((unlike[water] < 255) & (unlike[water] > 150)).all()
    crops = (classes != 0) & ~water
    # through clouds the season is seen less well than by the training's
    assert (unlike[crops] <= 100).mean() > 0.3
    assert (unlike[classes == 0] == 255).all()
    told = product.summary["applicability"]
    outside = (unlike > 100) & (classes != 0)
    assert told["outside_hectares"] == round(outside.sum() / 100, 2)
    assert told["outside_share"] == round(outside.sum() / (classes != 0).sum(), 4)
    assert told["inside_share"] + told["outside_share"] == pytest.approx(1)
    rows = {row["code"]: row for row in product.summary["classes"]}
    assert rows[13]["outside_applicability_share"] == 1
    assert rows[13]["outside_applicability_hectares"] == rows[13]["hectares"]
    assert rows[1]["outside_applicability_share"] < 0.9


def test_members_that_disagree_are_seen_where_the_map_has_a_class(
    make: Make, model: RegisteredModel
) -> None:
    product = make(model)
    mapped = _raster(product, "class-map")[0] != 0
    disagreement = _raster(product, "confidence")[5]
    assert (disagreement[~mapped] == 255).all()
    assert (disagreement[mapped] <= 200).all()
    assert disagreement[mapped].max() > 0
    mean = 0.005 * disagreement[mapped].mean()
    assert product.summary["mean_disagreement"] == pytest.approx(mean, abs=1e-4)


def test_bands_without_dissimilarity_are_the_same_with_and_without_an_area_of_applicability(
    make: Make, model: RegisteredModel, wary: RegisteredModel
) -> None:
    without, beside = make(model, job="without"), make(wary, job="beside")
    assert without.checksums["class-map"] == beside.checksums["class-map"]
    plain, marked = _raster(without, "confidence"), _raster(beside, "confidence")
    assert (plain[:6] == marked[:6]).all()
    assert (plain[6] == 255).all()
    assert without.summary["applicability"] is None
    assert {row["outside_applicability_share"] for row in without.summary["classes"]} == {None}


@pytest.mark.parametrize("block_px", [16, 33])
def test_blocks_of_any_size_give_the_same_dissimilarity_and_probabilities(
    block_px: int, make: Make, wary: RegisteredModel
) -> None:
    blocks = make(wary, block_px, probabilities=True, job="blocks")
    whole = make(wary, 4096, probabilities=True, job="whole")
    for key in ("class-map", "confidence", "probabilities"):
        assert Path(blocks.paths[key]).read_bytes() == Path(whole.paths[key]).read_bytes()
    assert blocks.summary["applicability"] == whole.summary["applicability"]


def test_probabilities_are_a_band_per_class_and_agree_with_the_map(
    make: Make, model: RegisteredModel
) -> None:
    product = make(model, probabilities=True)
    with rasterio.open(product.paths["probabilities"]) as source:
        assert source.descriptions == ("maize", "soybean", "water")
        assert source.scales == (0.005,) * 3
        shares = source.read()
    classes, top = _raster(product, "class-map")[0], _raster(product, "confidence")[0]
    mapped = classes != 0
    assert (shares[:, ~mapped] == 255).all()
    # each is rounded by itself
    assert np.abs(shares[:, mapped].sum(axis=0, dtype=int) - 200).max() <= 2
    assert (shares[:, mapped].max(axis=0) == top[mapped]).all()
    codes = np.array([1, 4, 13])
    clear = mapped & (_raster(product, "confidence")[1] > 1)
    assert (codes[shares[:, clear].argmax(axis=0)] == classes[clear]).all()


def test_probabilities_are_made_only_where_they_are_asked_for(
    make: Make, model: RegisteredModel, storage: Storage
) -> None:
    asked, plain = make(model, probabilities=True, job="asked"), make(model, job="plain")
    assert "probabilities" in asked.paths
    assert "probabilities" not in plain.paths
    # their digests differ, which the files name
    for key in ("class-map", "confidence"):
        assert (_raster(asked, key) == _raster(plain, key)).all()
    item = json.loads(storage.get(RESULTS, "results/asked/item.json"))
    bands = item["assets"]["probabilities"]["bands"]
    assert [band["name"] for band in bands] == ["maize", "soybean", "water"]


def test_a_product_with_probabilities_is_another_than_the_one_without(
    model: RegisteredModel, storage: Storage, access: Access, request_of: RequestOf, find: Find
) -> None:
    def digest(request: Request) -> str:
        created = datetime(2026, 1, 1, tzinfo=UTC)
        return plan("job", created, request, model, find, access, storage=storage).digest

    asked = replace(request_of(64), probabilities=True)
    assert digest(asked) != digest(request_of(64))
    assert digest(asked) == digest(replace(asked, block_px=32))


def test_the_model_s_card_lies_beside_the_map_and_the_item_links_it(
    make: Make, wary: RegisteredModel, storage: Storage
) -> None:
    product = make(wary)
    card = json.loads(storage.get(RESULTS, "results/job/model-card.json"))
    assert (card["name"], card["version"]) == ("stripes", "1")
    assert card["checksums_sha256"] == dict(wary.checksums)
    assert [c["name"] for c in card["legend"]] == ["maize", "soybean", "water"]
    item = json.loads(storage.get(RESULTS, "results/job/item.json"))
    links = [link for link in item["links"] if link["rel"] == "describedby"]
    assert [(link["href"], link["type"]) for link in links] == [
        ("./model-card.json", "application/json"),
        ("./model-card.html", "text/html"),
    ]
    page = storage.get(RESULTS, "results/job/model-card.html").decode()
    assert "stripes@1" in page
    assert item["assets"]["model-card"]["roles"] == ["metadata"]
    assert item["assets"]["model-card"]["file:checksum"] == "1220" + product.checksums["model-card"]
    told = item["properties"]["geocrop:applicability"]
    assert wary.applicability is not None
    assert told == {
        "threshold": wary.applicability.threshold,
        "inside_share": product.summary["applicability"]["inside_share"],
    }


def test_a_card_that_cannot_be_shown_costs_no_map(
    make: Make, model: RegisteredModel, caplog: pytest.LogCaptureFixture
) -> None:
    odd = replace(model, card=replace(model.card, assessments={"spatial": {"overall": None}}))
    product = make(odd)
    assert "model-card" in product.paths
    assert "model-page" not in product.paths
    assert "cannot be shown" in caplog.text


@pytest.mark.parametrize("asked", [None, np.arange(12, dtype=np.uint8).reshape(3, 2, 2)])
def test_a_checkpoint_comes_back_with_or_without_probabilities(asked: Any) -> None:
    result = BlockResult(
        np.ones((2, 2), np.uint8),
        np.zeros((7, 2, 2), np.uint8),
        ("a",),
        (),
        "c",
        probabilities=asked,
    )
    back = BlockResult.from_bytes(result.to_bytes())
    assert back.to_bytes() == result.to_bytes()
    if asked is None:
        assert back.probabilities is None
    else:
        assert (back.probabilities == asked).all()
