"""No requirement of the standard lacks a test, and no test that the table names is missing."""

import ast
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from geocrop_processes.service.conformance import CLASSES
from tests.service.standard.requirements import (
    ABSTRACT_TESTS,
    COUNTS,
    DRAFT_2_0,
    REQUIREMENTS,
    requirement_of,
)

TESTS = Path(__file__).parents[1]


@cache
def _functions(file: str) -> frozenset[str]:
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("requirement", [*REQUIREMENTS, *DRAFT_2_0])
def test_a_requirement_has_tests_that_are_there(requirement: str) -> None:
    named = (REQUIREMENTS | DRAFT_2_0)[requirement]  # type: ignore[operator] # both are dicts
    assert named, f"no test shows {requirement}"
    for test in named:
        file, _, function = test.partition("::")
        assert function in _functions(file), f"there is no test {test}"


def test_the_table_has_every_requirement_of_each_class() -> None:
    assert Counter(name.split("/")[2] for name in REQUIREMENTS) == COUNTS


@pytest.mark.parametrize("abstract_test", ABSTRACT_TESTS)
def test_an_abstract_test_shows_a_requirement_of_the_table(abstract_test: str) -> None:
    assert requirement_of(abstract_test) in REQUIREMENTS


def test_every_class_that_is_declared_is_in_the_table() -> None:
    base = "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/"
    declared = {uri.removeprefix(base) for uri in CLASSES if uri.startswith(base)}
    assert declared <= set(COUNTS)
