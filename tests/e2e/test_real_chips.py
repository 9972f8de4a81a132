"""Real Sentinel-2 pixels of two Belgian places, from COGs through the whole pipeline to a published map.

The places are 64 x 64 pixels each, with the crops that farmers declared (`worldcereal_chips`). A field is a
connected area of one crop, edge by edge: that merges neighbours with the same crop and splits a field that a
single row of unlabelled pixels crosses. Each field is mapped by a model that was trained on the others.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
from PIL import Image, ImageDraw, ImageFont
from pyproj import Transformer
from scipy import ndimage

import geocrop_processes
from geocrop_processes.domain.aoi import Aoi
from geocrop_processes.domain.grid import Grid
from geocrop_processes.domain.legend import CropClass, Legend
from geocrop_processes.domain.season import Season
from geocrop_processes.features.compute import compute
from geocrop_processes.features.order import FEATURE_ORDER_V1, FINGERPRINT
from geocrop_processes.imagery.access import Access
from geocrop_processes.imagery.catalog import Found
from geocrop_processes.imagery.cube import acquisitions, read_cube
from geocrop_processes.imagery.scene import Scene, parse_item
from geocrop_processes.imagery.screening import screen
from geocrop_processes.models.accuracy import Accuracy
from geocrop_processes.models.card import ModelCard
from geocrop_processes.models.counting import AS_THEY_ARE, count_held_out
from geocrop_processes.models.ensemble import Ensemble
from geocrop_processes.models.members import MEMBERS, library_versions
from geocrop_processes.models.reliability import Reliability
from geocrop_processes.pipeline.classify import classify
from geocrop_processes.pipeline.plan import Request
from geocrop_processes.registry import RegisteredModel
from geocrop_processes.storage import Storage

CROPS = {
    1110: CropClass(1, "winter wheat", "#a57000", 1101010000, cropland=True),
    1200: CropClass(2, "maize", "#ffd300", 1101060000, cropland=True),
    7900: CropClass(3, "other legumes", "#70a500", cropland=True),
    9120: CropClass(4, "permanent grass", "#88b053"),
}
"""Crops with at least two fields of at least 10 pixels, by their code in the labels (the crop types of
WorldCereal's first reference data, which follow FAO's Indicative Crop Classification)."""
MIN_PIXELS, MIN_FIELDS = 10, 2
"""What a field and a class need to be judged."""
MOST_PIXELS = 100
"""Training pixels of a field, evenly spread, so that large fields do not drown small ones."""
RADIUS_M = 460
"""A circle that covers the whole chip, whose half diagonal is 453 m."""
ACCURACY = (Path(__file__).parents[2] / "docs" / "accuracy.md").read_text(encoding="utf-8")
PICTURES = Path(__file__).parents[2] / "docs" / "images"
ROWS = {"be1": "Belgium 2017/18, be1", "be2": "Belgium 2018/19, be2"}
"""A chip's row in the document's table."""


@dataclass(frozen=True)
class Chip:
    """One place with labels, and what each field's held-out models made of it."""

    name: str
    season: Season
    found: tuple[Scene, ...]
    """One per date."""
    scenes: tuple[Scene, ...]
    """Those that the pipeline's screening uses."""
    grid: Grid
    labels: npt.NDArray[np.uint8]
    """(64, 64), class codes of the fields that are judged, else 0."""
    fields: npt.NDArray[np.intp]
    """(64, 64), fields numbered from 1, 0 = none."""
    ensemble: npt.NDArray[np.uint8]
    """(64, 64), the ensemble's class of each pixel of a field that it was not trained on."""
    forest: npt.NDArray[np.uint8]
    """(64, 64), the RandomForest's."""
    largest: int
    """The number of the largest field."""
    without_largest: Ensemble
    """The ensemble that was not trained on it."""
    plain: Reliability
    """Of the mean of the members' probabilities, all fields held out."""
    calibrated: Reliability
    """Of votes counted as the other fields teach."""

    @property
    def legend(self) -> Legend:
        present = set(np.unique(self.labels).tolist())
        return Legend(tuple(c for c in CROPS.values() if c.code in present))

    @property
    def aoi(self) -> Aoi:
        left, bottom, right, top = self.grid.bounds
        to_degrees = Transformer.from_crs(self.grid.epsg, 4326, always_xy=True)
        return Aoi(*to_degrees.transform((left + right) / 2, (bottom + top) / 2), RADIUS_M)

    def find(self, _aoi: Aoi, _season: Season) -> Found:
        return Found(self.found, ())

    def accuracy(self, predicted: npt.NDArray[np.uint8]) -> Accuracy:
        held_out = self.fields > 0
        return Accuracy.of(self.labels[held_out], predicted[held_out], self.legend.codes)

    @property
    def figures(self) -> Mapping[str, float]:
        ensemble, forest = self.accuracy(self.ensemble), self.accuracy(self.forest)
        return {
            "dates": len(self.scenes),
            "fields or parcels": int(self.fields.max()),
            "pixels": int((self.fields > 0).sum()),
            "classes": len(self.legend),
            "ensemble OA": ensemble.overall,
            "ensemble F1": ensemble.macro_f1,
            "forest OA": forest.overall,
            "forest F1": forest.macro_f1,
        }


@pytest.fixture(scope="module", params=[("be1", 2017), ("be2", 2018)], ids=["be1", "be2"])
def chip(
    request: pytest.FixtureRequest,
    convert_chip: Callable[..., tuple[list[dict[str, Any]], npt.NDArray[np.uint16]]],
    train_on_folds: Callable[..., Iterator[tuple[npt.NDArray[np.bool_], Ensemble, Any]]],
) -> Chip:
    """A chip, converted, and each of its fields predicted by models of the others."""
    name, year = request.param
    items, crops = convert_chip(name, Season(year))
    found = tuple(parse_item(item) for item in items)
    scenes, _ = screen(found, Access())
    blue = found[0].files["B02"]
    grid = Grid(found[0].epsg, round(blue.left), round(blue.top), blue.shape[1], blue.shape[0])
    labels, fields = _fields(crops)
    features = _features(scenes, grid)
    flat = fields.ravel()
    numbers = range(1, int(fields.max()) + 1)
    samples = {number: _spread(np.flatnonzero(flat == number)) for number in numbers}
    folds = (
        (np.concatenate([samples[n] for n in numbers if n != number]), flat == number)
        for number in numbers
    )
    ensembles, by_ensemble, by_forest = [], np.zeros_like(labels), np.zeros_like(labels)
    said = {name: np.zeros((flat.size, len(CROPS) + 1)) for name in MEMBERS}
    for held_out, ensemble, forest in train_on_folds(features, labels.ravel(), folds):
        ensembles.append(ensemble)
        field = held_out.reshape(labels.shape)
        by_ensemble[field] = ensemble.predict(features[held_out])
        by_forest[field] = forest.predict(features[held_out])
        for kind, member in ensemble.members.items():
            cells = np.ix_(held_out, ensemble.codes)
            said[kind][cells] = member.predict_proba(features[held_out])
    largest = int(np.bincount(flat[flat > 0]).argmax())
    plain, calibrated = _reliabilities(said, labels.ravel(), flat)
    return Chip(
        name=name,
        season=Season(year),
        found=found,
        scenes=scenes,
        grid=grid,
        labels=labels,
        fields=fields,
        ensemble=by_ensemble,
        forest=by_forest,
        largest=largest,
        without_largest=ensembles[largest - 1],
        plain=plain,
        calibrated=calibrated,
    )


def _reliabilities(
    said: Mapping[str, npt.NDArray[np.float64]],
    labels: npt.NDArray[np.uint8],
    fields: npt.NDArray[np.intp],
) -> tuple[Reliability, Reliability]:
    """Of the plain mean and of the calibrated vote, over the pixels of all fields."""
    judged = fields > 0
    held_out = {name: p[judged] for name, p in said.items()}
    vote = count_held_out(held_out, labels[judged], fields[judged])
    plain, _ = AS_THEY_ARE.count(held_out)
    return Reliability.of(plain, labels[judged]), Reliability.of(vote, labels[judged])


def _fields(crops: npt.NDArray[np.uint16]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.intp]]:
    """Class codes and numbers of the fields that can be judged; (64, 64) each."""
    labels, fields = np.zeros(crops.shape, np.uint8), np.zeros(crops.shape, np.intp)
    number = 0
    for code in np.unique(crops[crops > 0]).tolist():
        parts, count = ndimage.label(crops == code)
        large = [p for p in range(1, count + 1) if (parts == p).sum() >= MIN_PIXELS]
        if len(large) >= MIN_FIELDS:
            for part in large:
                number += 1
                fields[parts == part] = number
                labels[parts == part] = CROPS[code].code
    return labels, fields


def _features(scenes: tuple[Scene, ...], grid: Grid) -> npt.NDArray[np.float32]:
    """Features (pixels, 51) by the very functions that a block's are made with."""
    observed = acquisitions(scenes, grid.epsg, lon=3)
    pixels = read_cube(observed, grid, np.ones(grid.shape, bool), Access()).cube.values
    dn, scl = pixels[:, :-1], pixels[:, -1].astype(np.uint8)
    values = compute(dn, scl, [a.day for a in observed]).values
    assert np.isfinite(values).all()
    return np.ascontiguousarray(values.reshape(len(FEATURE_ORDER_V1), -1).T)


def _spread(rows: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """At most `MOST_PIXELS` of the rows, evenly spread."""
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_PIXELS)).astype(np.intp)]


@pytest.mark.slow
def test_fields_that_the_ensemble_has_not_seen_are_mapped_as_well_as_by_a_random_forest(
    chip: Chip,
) -> None:
    assert chip.accuracy(chip.ensemble).overall >= chip.accuracy(chip.forest).overall - 0.02
    assert chip.accuracy(chip.ensemble).macro_f1 >= chip.accuracy(chip.forest).macro_f1 - 0.02


@pytest.mark.slow
def test_the_document_tells_what_was_measured_on_the_chips(
    chip: Chip, documented: Mapping[str, Mapping[str, float]]
) -> None:
    assert documented[ROWS[chip.name]] == pytest.approx(chip.figures, abs=0.01)


@pytest.mark.slow
def test_a_map_of_real_pixels_is_published_and_shows_what_the_fold_predicted(
    chip: Chip, tmp_path: Path
) -> None:
    model = _model(chip)
    request = Request(chip.aoi, chip.season, "file:///", block_px=40, min_acquisitions=20)
    storage = Storage(str(tmp_path))
    storage.ensure_buckets()
    product = classify(
        "real",
        request,
        model,
        find=chip.find,
        storage=storage,
        access=Access(),
        threads=2,
    )
    held_out = chip.fields == chip.largest
    published = _published(product.paths["class-map"], chip)
    np.testing.assert_array_equal(published[held_out], chip.ensemble[held_out])
    assert set(np.unique(published)) == set(chip.legend.codes)
    assert product.summary["simulated"] is False
    used = product.summary["scenes_used"]
    left_out = {scene["title"]: scene["reason"] for scene in product.summary["scenes_left_out"]}
    assert len(used) >= 20
    assert sorted([*used, *left_out]) == sorted(s.key for s in chip.found)
    for scene in chip.scenes:
        assert scene.key in used or "Nothing clear of the place" in left_out[scene.key]
    assert Path(product.paths["item"]).is_file()


@pytest.mark.slow
def test_the_documents_picture_shows_the_fields_as_they_were_mapped(
    chip: Chip, tmp_path: Path
) -> None:
    """Where it does not, the picture that was drawn here is the one to keep."""
    path = tmp_path / f"real-{chip.name}.png"
    _draw(chip, path)
    drawn, kept = (np.asarray(Image.open(p)) for p in (path, PICTURES / path.name))
    assert drawn.shape == kept.shape, path
    # a pixel at the border of two classes may fall differently on another processor
    assert (drawn == kept).mean() > 0.99, path


def _model(chip: Chip) -> RegisteredModel:
    counts = {
        c.name: int(((chip.labels == c.code) & (chip.fields != chip.largest)).sum())
        for c in chip.legend
    }
    card = ModelCard(
        name=f"belgium-{chip.name}",
        description="Trained on the fields of a Belgian place but one.",
        legend=chip.legend,
        features=FEATURE_ORDER_V1,
        fingerprint=FINGERPRINT,
        simulated=False,
        seasons=(chip.season.year,),
        samples=counts,
        accuracy={},
        software={"geocrop": geocrop_processes.__version__, **library_versions()},
        seed=0,
    )
    # as it would come out of a registry: through each library's own format
    files = {name: m.to_bytes() for name, m in chip.without_largest.members.items()}
    members = {name: MEMBERS[name].from_bytes(content) for name, content in files.items()}
    return RegisteredModel(card, "1", {}, Ensemble(chip.legend.codes, members))


def _published(path: str, chip: Chip) -> npt.NDArray[np.uint8]:
    """The part (64, 64) of a published map that lies over the chip."""
    with rasterio.open(path) as dataset:
        left, top = dataset.bounds.left, dataset.bounds.top
        row, col = round(top - chip.grid.top) // 10, round(chip.grid.left - left) // 10
        classes: npt.NDArray[np.uint8] = dataset.read(1)
    return classes[row : row + chip.grid.height, col : col + chip.grid.width]


def _draw(chip: Chip, path: Path) -> None:
    """Draw the declared crops beside those that were mapped, enlarged, with names."""
    times, margin, line = 6, 16, 26
    side = times * chip.grid.width
    canvas = Image.new("RGB", (2 * side + 3 * margin, side + 2 * margin + 2 * line), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(16)
    titles = ("declared", "mapped by models of the other fields")
    for i, (title, classes) in enumerate(zip(titles, (chip.labels, chip.ensemble), strict=True)):
        left = margin + i * (side + margin)
        draw.text((left, margin - 6), title, "#1f2933", font)
        picture = Image.fromarray(_coloured(classes, chip.legend))
        canvas.paste(
            picture.resize((side, side), Image.Resampling.NEAREST), (left, margin + line - 6)
        )
    left, top = margin, margin + side + line + 4
    for name, colour in (*((c.name, c.colour) for c in chip.legend), ("not judged", "#e4e7eb")):
        draw.rectangle((left, top, left + 16, top + 16), colour)
        draw.text((left + 24, top - 2), name, "#1f2933", font)
        left += 24 + round(draw.textlength(name, font)) + 28
    canvas.quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)


def _coloured(classes: npt.NDArray[np.uint8], legend: Legend) -> npt.NDArray[np.uint8]:
    table = np.full((256, 3), 0, np.uint8)
    table[0] = (0xE4, 0xE7, 0xEB)
    for crop in legend:
        table[crop.code] = crop.rgb
    coloured: npt.NDArray[np.uint8] = table[classes]
    return coloured


def test_probabilities_of_fields_that_it_has_not_seen_are_calibrated_by_the_others(
    chip: Chip,
) -> None:
    before, after = chip.plain.expected_error, chip.calibrated.expected_error
    assert after < before - 0.01
    (row,) = re.findall(rf"\| {re.escape(ROWS[chip.name])} \| ([\d.]+) \| ([\d.]+) \|", ACCURACY)
    assert [float(cell) for cell in row] == pytest.approx([before, after], abs=0.01)
