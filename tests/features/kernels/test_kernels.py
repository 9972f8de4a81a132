"""The compiled features against the plain ones, to the last bit."""

import datetime as dt
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geocrop_processes.features import compute as module
from geocrop_processes.features.compute import Features, compute, compute_block, warm_up
from geocrop_processes.features.plain import compute_plain

type Cube = tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint8], list[dt.date]]
type Random = Callable[[int, int, int], Cube]

FIRST = dt.date(2022, 9, 1)
SEEDS = st.integers(0, 2**32 - 1)
EXTREMES = np.array([1, 2, 9999, 10000, 15999, 16000, 16001, 65534, 65535], dtype=np.uint16)


def same(one: Features, other: Features) -> None:
    for name in ("values", "n_valid", "max_gap_days"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert a.tobytes() == b.tobytes(), name


def days_of(kind: str, steps: int, random: np.random.Generator) -> list[dt.date]:
    days = {
        "anyhow": random.integers(0, 273, steps),
        "one day": np.full(steps, random.integers(0, 273)),
        "one dekad": 30 + random.integers(0, 10, steps),
        "two dekads": random.choice([0, 272], steps),
        "in order": np.sort(random.integers(0, 273, steps)),
    }[kind]
    return [FIRST + dt.timedelta(days=int(day)) for day in days]


@st.composite
def cubes(draw: st.DrawFn, most: int = 200) -> Cube:
    """Any steps and pixels: clouded, gapped, constant, extreme, with ties."""
    random = np.random.default_rng(draw(SEEDS))
    steps, pixels = draw(st.integers(0, 90)), draw(st.integers(0, most))
    shape = (steps, 10, pixels)
    kind = draw(st.sampled_from(["any", "dark", "few", "extreme", "constant", "flat"]))
    dn = {
        "any": random.integers(1, 65536, shape),
        "dark": random.integers(1, 60, shape),
        "few": random.choice([800, 801, 2500], shape),
        "extreme": random.choice(EXTREMES, shape),
        "constant": np.broadcast_to(random.integers(1, 9000, (1, 10, pixels)), shape),
        "flat": 3000 + random.integers(0, 2, shape),
    }[kind].astype(np.uint16)
    dn[random.random(shape) < draw(st.sampled_from([0.0, 0.01, 0.3]))] = 0
    clear = random.random((steps, pixels)) < draw(st.sampled_from([0.0, 0.1, 0.5, 0.95, 1.0]))
    scl = np.where(clear, random.choice([2, 4, 5, 6, 7], clear.shape), random.integers(8, 256))
    dates = draw(st.sampled_from(["anyhow", "one day", "one dekad", "two dekads", "in order"]))
    return dn, scl.astype(np.uint8), days_of(dates, steps, random)


def block_of(dn: npt.NDArray[np.uint16], scl: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint16]:
    return np.ascontiguousarray(np.concatenate([dn, scl[:, None]], axis=1, dtype=np.uint16))


@given(cubes())
@settings(max_examples=150)
def test_any_cube_has_the_features_of_the_plain_way_to_the_last_bit(cube: Cube) -> None:
    same(compute(*cube), compute_plain(*cube))


@given(SEEDS, st.integers(0, 80), st.integers(0, 700))
def test_a_season_of_clouds_and_gaps_has_the_features_of_the_plain_way_to_the_last_bit(
    random_cube: Random, seed: int, steps: int, pixels: int
) -> None:
    cube = random_cube(seed, steps, pixels)

    same(compute(*cube), compute_plain(*cube))


@given(SEEDS, st.integers(31, 70))
def test_any_number_of_observations_may_fall_in_one_dekad(
    random_cube: Random, seed: int, crowd: int
) -> None:
    dn, scl, dates = random_cube(seed, 40 + crowd, 70)
    dates[:crowd] = [dt.date(2023, 2, 21)] * crowd

    same(compute(dn, scl, dates), compute_plain(dn, scl, dates))


@given(cubes(most=120), SEEDS, st.sampled_from(["all", "none", "one", "half", "few", "run"]))
@settings(max_examples=80)
def test_a_block_has_the_features_of_its_pixels_inside_row_by_row(
    cube: Cube, seed: int, kind: str
) -> None:
    dn, scl, dates = cube
    pixels = scl.shape[1]
    random = np.random.default_rng(seed)
    inside = {
        "all": np.ones(pixels, np.bool_),
        "none": np.zeros(pixels, np.bool_),
        "one": np.arange(pixels) == pixels // 2,
        "half": random.random(pixels) < 0.5,
        "few": random.random(pixels) < 0.05,
        "run": np.arange(pixels) > pixels // 3,
    }[kind]
    width = next(w for w in (7, 5, 3, 2, 1) if pixels % w == 0)
    block = block_of(dn, scl).reshape(len(dates), 11, pixels // width, width)

    found = compute_block(block, inside.reshape(-1, width), dates)

    same(found, compute_plain(dn[..., inside], scl[:, inside], dates))


def test_a_run_that_is_not_full_is_not_taken_for_neighbours(random_cube: Random) -> None:
    dn, scl, dates = random_cube(8, 40, 300)
    inside = np.zeros(300, np.bool_)
    inside[[3, 50, 100, 258]] = True  # the last is 255 pixels behind the first, as in a full run

    found = compute_block(block_of(dn, scl).reshape(40, 11, 1, 300), inside[None], dates)

    same(found, compute_plain(dn[..., inside], scl[:, inside], dates))


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("run", [1, 64, 257, 100_000])
def test_a_block_is_the_same_by_however_many_threads_and_however_it_is_shared(
    random_cube: Random, monkeypatch: pytest.MonkeyPatch, threads: int, run: int
) -> None:
    dn, scl, dates = random_cube(4, 50, 40 * 25)
    block = block_of(dn, scl).reshape(50, 11, 40, 25)
    inside = np.random.default_rng(4).random((40, 25)) < 0.7
    monkeypatch.setattr(module, "RUN_PIXELS", run)

    found = compute_block(block, inside, dates, threads)

    same(found, compute_plain(dn[..., inside.reshape(-1)], scl[:, inside.reshape(-1)], dates))


def test_a_block_that_cannot_be_written_is_read(random_cube: Random) -> None:
    dn, scl, dates = random_cube(5, 30, 12)
    block = block_of(dn, scl).reshape(30, 11, 3, 4)
    block.flags.writeable = False

    found = compute_block(block, np.ones((3, 4), np.bool_), dates)

    same(found, compute_plain(dn, scl, dates))


def test_many_threads_of_the_caller_do_not_disturb_each_other(random_cube: Random) -> None:
    cubes = [random_cube(seed, 60, 300 + 50 * seed) for seed in range(12)]

    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda cube: compute(*cube), cubes * 2))

    for cube, features in zip(cubes * 2, found, strict=True):
        same(features, compute_plain(*cube))


@pytest.mark.parametrize(
    ("cube", "inside"),
    [
        (np.ones((2, 10, 3, 4), np.uint16), np.ones((3, 4), np.bool_)),
        (np.ones((1, 11, 3, 4), np.uint16), np.ones((3, 4), np.bool_)),
        (np.ones((2, 11, 3, 4), np.uint16), np.ones((4, 3), np.bool_)),
        (np.ones((2, 11, 12), np.uint16), np.ones(12, np.bool_)),
    ],
)
def test_a_block_whose_shapes_do_not_fit_is_refused(
    cube: npt.NDArray[np.uint16], inside: npt.NDArray[np.bool_]
) -> None:
    with pytest.raises(ValueError, match="do not fit 2 dates"):
        compute_block(cube, inside, [FIRST, FIRST])


def test_a_block_of_another_type_is_refused() -> None:
    cube = np.ones((1, 11, 3, 4), np.float32)

    with pytest.raises(ValueError, match="cube is float32 and inside bool"):
        compute_block(cube, np.ones((3, 4), np.bool_), [FIRST])  # type: ignore[arg-type]


def test_a_block_that_would_have_to_be_copied_is_refused() -> None:
    cube = np.ones((1, 11, 3, 8), np.uint16)[..., ::2]

    with pytest.raises(ValueError, match="not C-contiguous"):
        compute_block(cube, np.ones((3, 4), np.bool_), [FIRST])


def test_importing_the_package_does_not_import_the_compiler() -> None:
    code = "import sys; import geocrop_processes.features.compute; print('numba' in sys.modules)"

    assert started(code).strip() == "False"


def test_after_warming_up_nothing_is_left_to_compile(random_cube: Random) -> None:
    warm_up()
    from geocrop_processes.features import kernels  # noqa: PLC0415 - imported by then

    before = len(kernels._COMPILED.signatures)  # type: ignore[attr-defined]
    dn, scl, dates = random_cube(6, 30, 12)
    compute(dn, scl, dates)
    compute(dn[:0], scl[:0], [])
    compute_block(block_of(dn, scl).reshape(30, 11, 3, 4), np.ones((3, 4), np.bool_), dates)

    assert before == 1
    assert len(kernels._COMPILED.signatures) == 1  # type: ignore[attr-defined]


@pytest.mark.slow
def test_compiled_code_is_kept_in_the_folder_that_is_given_and_loaded_from_it(
    tmp_path: Path,
) -> None:
    folder = str(tmp_path / "compiled")
    code = (
        "import sys; from pathlib import Path\n"
        "from geocrop_processes.features.compute import warm_up\n"
        "warm_up(Path(sys.argv[1]) if sys.argv[1:] else None)\n"
        "from geocrop_processes.features import kernels\n"
        "print(len(kernels._COMPILED.stats.cache_hits))"
    )

    # only optimised code is kept
    first = started(code, folder, NUMBA_OPT="3")
    by_argument = started(code, folder, NUMBA_OPT="3")
    by_environment = started(code, NUMBA_CACHE_DIR=folder, NUMBA_OPT="3")

    assert [first.strip(), by_argument.strip(), by_environment.strip()] == ["0", "1", "1"]


def test_compiled_code_is_known_by_the_text_of_all_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    from geocrop_processes.features import kernels  # noqa: PLC0415 - numba takes long to import

    before = kernels._sources()

    monkeypatch.setattr(kernels, "course", kernels.ranking)

    assert before > 0
    assert kernels._sources() != before


@pytest.mark.slow
def test_where_no_folder_can_be_written_it_is_computed_all_the_same() -> None:
    code = (
        "import tempfile\n"
        "def refuse(*_, **__): raise PermissionError('read-only')\n"
        "tempfile.TemporaryFile = refuse\n"  # what numba tries each of its folders with
        "from geocrop_processes.features.compute import warm_up\n"
        "warm_up()\n"
        "from geocrop_processes.features import kernels\n"
        "print(kernels._COMPILED.stats.cache_path)"
    )

    assert started(code).strip() == "None"


@pytest.mark.slow
def test_uncompiled_the_kernels_say_the_same(random_cube: Random, tmp_path: Path) -> None:
    dn, scl, dates = random_cube(7, 60, 80)
    np.savez(tmp_path / "cube.npz", dn=dn, scl=scl, days=[(d - FIRST).days for d in dates])
    code = (
        "import sys; import datetime as dt; import numpy as np\n"
        "from geocrop_processes.features.compute import compute\n"
        "cube = np.load(sys.argv[1] + '/cube.npz')\n"
        "dates = [dt.date(2022, 9, 1) + dt.timedelta(days=int(d)) for d in cube['days']]\n"
        "np.save(sys.argv[1] + '/found.npy', compute(cube['dn'], cube['scl'], dates).values)"
    )

    started(code, str(tmp_path), NUMBA_DISABLE_JIT="1")

    expected = compute_plain(dn, scl, dates).values
    assert np.load(tmp_path / "found.npy").tobytes() == expected.tobytes()


def started(code: str, *arguments: str, **environment: str) -> str:
    """What a fresh process prints; it compiles without optimising, which is quicker."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        check=True,
        capture_output=True,
        env=os.environ | {"NUMBA_OPT": "0"} | environment,
        text=True,
        timeout=600,
    )
    return done.stdout
