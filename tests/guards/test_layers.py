import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "geocrop_processes"


def test_imports_run_one_way_and_words_features_and_models_do_no_io(tmp_path: Path) -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    found = subprocess.run(
        [lint, "--cache-dir", tmp_path],
        check=False,
        capture_output=True,
        cwd=ROOT,
        text=True,
        timeout=300,
    )
    assert found.returncode == 0, found.stdout


def imported(source: Path) -> set[str]:
    """The names of top-level modules that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def test_the_guard_sees_imports_wherever_they_stand(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(
        "import os.path\ndef f():\n    from pickle import loads\n    import joblib as j\n"
    )
    assert imported(tmp_path / "module.py") == {"os", "pickle", "joblib"}


@pytest.mark.parametrize("source", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.name))
def test_nothing_unpickles(source: Path) -> None:
    """A pickle runs whatever code its author wrote; so do the formats that are made of pickles."""
    assert not imported(source) & {"pickle", "joblib", "cloudpickle", "dill", "shelve", "marshal"}
    permissions = [
        node.value
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle"
    ]
    assert all(isinstance(p, ast.Constant) and p.value is False for p in permissions)


@pytest.mark.parametrize("source", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.name))
def test_every_module_says_what_it_is_and_stays_readable(source: Path) -> None:
    text = source.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text))
    assert len(text.splitlines()) <= 300
