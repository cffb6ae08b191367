"""Import cycles and imports of tests, in made-up import graphs."""

import itertools

import pytest

from tests.checks.imports import find_cycles, find_imports_of_tests


def test_imports_one_way_are_no_cycle() -> None:
    """Two ways to the same module are fine."""
    assert find_cycles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_a_cycle_is_named_with_all_its_modules() -> None:
    """In the order of the imports."""
    (finding,) = find_cycles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})

    modules = finding.split("; ")[0].removeprefix("import cycle: ").split(" -> ")
    imports = {("a", "b"), ("b", "c"), ("c", "a")}
    assert set(itertools.pairwise(modules)) == imports


def test_every_cycle_is_reported() -> None:
    """One does not hide another."""
    assert len(find_cycles({"a": {"b"}, "b": {"a"}, "c": {"d"}, "d": {"c"}})) == 2


def test_a_package_and_its_module_can_be_a_cycle() -> None:
    """An `__init__` that imports a module which imports the package."""
    assert len(find_cycles({"a": {"a.b"}, "a.b": {"a"}})) == 1


@pytest.mark.parametrize(
    ("importer", "imported", "count"),
    [
        ("tests.unit.test_a", "tests.unit.test_b", 1),
        ("tests.support.fakes", "tests.unit.test_b", 1),
        ("tests.support.fakes", "tests.functions.conftest", 1),
        ("tests.support.fakes", "tests.support.clock", 0),
        ("tests.support.fakes", "tests.support", 0),
        ("tests.support.fakes", "infra.standin", 0),
        ("tests.unit.test_a", "tests.support.fakes", 0),
    ],
)
def test_tests_import_support_and_not_each_other(importer: str, imported: str, count: int) -> None:
    """And `tests.support` imports no other package of the tests."""
    assert len(find_imports_of_tests({importer: {imported}, imported: set()})) == count
