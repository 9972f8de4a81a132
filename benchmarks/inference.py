"""The ensemble's probabilities: the engine of `models.forest` against the three libraries' own predict.

Models of 8 classes x 300 rounds, depth 7 or 8, 51 float32 features, grown here from rows of a seed and kept in
`.geocrop/cache/bench`, and smaller ones of 200 and of 800 trees each. All see the same rows: the libraries once, from
memory in the layout that suits them, ours ten times, since one time would be too short to measure. Compared is
processor time per row, with one and with two threads of both; XGBoost is asked in a way that it does not cache.
Each kernel that this machine has is stated. The difference of probabilities and of classes is stated too.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import catboost
import lightgbm
import numpy as np
import numpy.typing as npt
import xgboost

from benchmarks.measure import Figure, show, side_by_side
from geocrop_processes.models.ensemble import Ensemble
from geocrop_processes.models.forest.kernels import Kernel, kernels
from geocrop_processes.models.forest.votes import Votes
from geocrop_processes.models.members import MEMBERS, CatBoost, LightGBM, Member, XGBoost

CLASSES = 8
FEATURES = 51
ROWS = 10_000
"""That the libraries see."""
REPEATED = 10
REPETITIONS = 3
CACHE = Path(".geocrop/cache/bench")


def samples(n: int, seed: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Rows like those of crops: float32 (n, 51), of few overlapping causes, and labels (n,)."""
    random = np.random.default_rng(2022)
    causes = random.normal(size=(CLASSES, 12))
    mixing = random.normal(size=(12, FEATURES))
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, n)
    hidden = 0.6 * causes[labels] + random.normal(size=(n, 12))
    features = hidden @ mixing / 4 + 0.3 * random.normal(size=(n, FEATURES))
    return features.astype(np.float32), labels


def _xgboost(rounds: int, depth: int) -> XGBoost:
    features, labels = samples(8_000, 1)
    parameters = {
        "objective": "multi:softprob",
        "num_class": CLASSES,
        "tree_method": "hist",
        "max_depth": depth,
        "eta": 0.05,
        "subsample": 0.8,
        "colsample_bytree": 0.6,
        "nthread": 1,
        "seed": 1,
    }
    return XGBoost(xgboost.train(parameters, xgboost.DMatrix(features, label=labels), rounds))


def _lightgbm(rounds: int, depth: int) -> LightGBM:
    features, labels = samples(8_000, 1)
    parameters = {
        "objective": "multiclass",
        "num_class": CLASSES,
        "num_leaves": 2 ** (depth - 1),
        "max_depth": depth,
        "learning_rate": 0.05,
        "feature_fraction": 0.6,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "min_data_in_leaf": 10,
        "deterministic": True,
        "force_row_wise": True,
        "seed": 1,
        "num_threads": 1,
        "verbosity": -1,
    }
    return LightGBM(lightgbm.train(parameters, lightgbm.Dataset(features, label=labels), rounds))


def _catboost(rounds: int, depth: int) -> CatBoost:
    features, labels = samples(8_000, 1)
    classifier = catboost.CatBoostClassifier(
        loss_function="MultiClass",
        iterations=rounds,
        depth=depth,
        learning_rate=0.1,
        random_seed=1,
        thread_count=1,
        allow_writing_files=False,
        verbose=False,
    )
    return CatBoost(classifier.fit(features, labels))


_TRAIN: dict[str, Callable[[int, int], Member]] = {
    "xgboost": _xgboost,
    "lightgbm": _lightgbm,
    "catboost": _catboost,
}


def trained(name: str, rounds: int, depth: int) -> Member:
    """A trained member, from the cache where it was trained before."""
    path = CACHE / f"{name}-{rounds}-{depth}.{MEMBERS[name].suffix}"
    if not path.exists():
        content = _TRAIN[name](rounds, depth).to_bytes()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return MEMBERS[name].from_bytes(path.read_bytes())


Rows = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Library:
    """A library's own model, asked as its documentation says and from the layout that suits it."""

    predict: Callable[[Rows, int], object]
    """Probabilities of rows, with so many threads."""
    rows: Rows
    """(n, 51)."""


def library(name: str, member: Member, rows: Rows) -> Library:
    """A member's own library, without what we do around it."""
    content = member.to_bytes()
    if name == "xgboost":
        booster = xgboost.Booster()
        booster.load_model(bytearray(content))

        def of_xgboost(asked: Rows, threads: int) -> object:
            # `predict` would answer a second time from its cache; this has none
            booster.set_param({"nthread": threads})
            return booster.inplace_predict(asked)

        return Library(of_xgboost, rows)
    if name == "lightgbm":
        model = lightgbm.Booster(model_str=content.decode())
        return Library(lambda asked, threads: model.predict(asked, num_threads=threads), rows)
    classifier = catboost.CatBoostClassifier().load_model(blob=content)
    return Library(
        lambda asked, threads: classifier.predict_proba(asked, thread_count=threads),
        np.asfortranarray(rows),
    )


@dataclass(frozen=True)
class Race:
    """Who is measured, in turns."""

    ensemble: Ensemble
    rows: Rows
    columns: Rows
    """The same rows, many times, as (51, n)."""

    @classmethod
    def of(cls, sizes: dict[str, tuple[int, int]]) -> "Race":
        """Members of some rounds and depth each."""
        members = {name: trained(name, *size) for name, size in sizes.items()}
        rows, _ = samples(ROWS, 2)
        columns = np.ascontiguousarray(np.tile(rows.T, REPEATED))
        return cls(Ensemble(tuple(range(CLASSES)), members), rows, columns)

    def libraries(self, threads: int) -> dict[str, Callable[[], object]]:
        """Each library on the rows."""
        found: dict[str, Callable[[], object]] = {}
        for name, member in self.ensemble.members.items():
            own = library(name, member, self.rows)
            found[f"{name}, {threads}"] = partial(own.predict, own.rows, threads)
        return found

    def ours(
        self, names: Iterable[str], kernel: Kernel, threads: int
    ) -> dict[str, Callable[[], object]]:
        """Each member and the ensemble on the columns."""
        found: dict[str, Callable[[], object]] = {}
        for name in names:
            members = {n: m for n, m in self.ensemble.members.items() if name in {n, "ensemble"}}
            votes = Votes.of(members, CLASSES, self.ensemble.poll, kernel=kernel)
            if votes.reason:
                raise RuntimeError(votes.reason)
            # what is compiled is compiled before it is measured
            votes.predict_proba(self.columns[:, :600])
            found[f"{name}, {votes.engine}, {threads}"] = partial(
                votes.predict_proba, self.columns, threads=threads
            )
        return found


def ratios(
    race: Race, ours: dict[str, Callable[[], object]], goals: dict[str, float], label: str
) -> list[Figure]:
    """Ours against the libraries with as many threads, cpu-s per million rows."""
    libraries = race.libraries(1) | race.libraries(2)
    costs = side_by_side(libraries | ours, REPETITIONS)
    found = []
    for key in ours:
        name, engine, threads = key.split(", ")
        others = list(race.ensemble.members) if name == "ensemble" else [name]
        other = sum(costs[f"{n}, {threads}"].cpu_s for n in others) / ROWS
        own = costs[key].cpu_s / race.columns.shape[1]
        found.append(
            Figure(
                f"{label}: {name}, {engine}, {threads} thread{'s' * (threads != '1')}",
                own * 1e6,
                other * 1e6,
                "cpu-s per Mpx",
                goals.get(f"{name}, {engine}"),
                "the library's own predict" if len(others) == 1 else "the three libraries' own",
            )
        )
    return found


def exactness(race: Race, label: str) -> list[Figure]:
    """The largest difference of a probability, and how many pixels get another class."""
    expected = race.ensemble.predict_proba(race.rows)
    found = race.ensemble.votes.predict_proba(np.ascontiguousarray(race.rows.T)).T
    difference = float(np.abs(found - expected).max())
    flips = int((found.argmax(axis=1) != expected.argmax(axis=1)).sum())
    return [
        Figure(f"{label}: largest difference", max(difference, 1e-17), 1e-5, "probability", 1,
               "what is allowed"),
        Figure(f"{label}: 1 + pixels of another class", 1.0 + flips, 1.0, "pixels", 1, "none"),
    ]  # fmt: skip


LARGE = {"xgboost": (300, 8), "lightgbm": (300, 8), "catboost": (300, 7)}
SMALL = {
    "200 trees": {"xgboost": (25, 6), "lightgbm": (25, 6), "catboost": (200, 6)},
    "800 trees": {"xgboost": (100, 6), "lightgbm": (100, 6), "catboost": (800, 6)},
}
_GOALS = {"ensemble": 40.0, "xgboost": 12.0, "lightgbm": 60.0, "catboost": 1.5}


def figures() -> list[Figure]:
    """All of them."""
    race = Race.of(LARGE)
    names = [*race.ensemble.members, "ensemble"]
    first, *others = kernels()
    ours = race.ours(names, first, 1) | race.ours(["ensemble"], first, 2)
    for kernel in others:
        ours |= race.ours(names if kernel.name == "c-avx2" else ["ensemble"], kernel, 1)
    goals = {"ensemble, numba": 8.0}
    for level in ("c-avx2", "c-avx512"):
        goals |= {f"{name}, {level}": goal for name, goal in _GOALS.items()}
    label = "8 classes x 300 rounds"
    found = ratios(race, ours, goals, label) + exactness(race, label)
    for size, members in SMALL.items():
        small = Race.of(members)
        found += ratios(small, small.ours(names, first, 1), {}, f"{size} each")
        found += exactness(small, f"{size} each")
    return found


if __name__ == "__main__":
    show(figures())
