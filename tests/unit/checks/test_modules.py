"""Sizes of modules, and docstrings of packages."""

import pytest

from tests.checks.modules import SMALLEST, find_rooms_without_door, find_small_modules

SHORT = "x = 1\n" * (SMALLEST - 1)
LONG = "x = 1\n" * SMALLEST


def test_a_small_module_is_reported() -> None:
    """With its length; a module of the smallest size is none."""
    findings = find_small_modules({"infra/small.py": SHORT, "infra/large.py": LONG}, {})

    assert [(each.path, each.message.split(";")[0]) for each in findings] == [
        ("infra/small.py", "24 lines")
    ]


@pytest.mark.parametrize(
    "path",
    ["infra/__init__.py", "infra/__main__.py", "tests/conftest.py", "tests/unit/test_small.py"],
)
def test_some_modules_may_be_small(path: str) -> None:
    """Package files, entry points, fixtures and tests."""
    assert find_small_modules({path: SHORT}, {}) == []


def test_a_reason_excuses_a_small_module() -> None:
    """As long as the module is small."""
    reasons = {"infra/small.py": "a table of others reads it", "infra/large.py": "it was small"}

    findings = find_small_modules({"infra/small.py": SHORT, "infra/large.py": LONG}, reasons)

    assert [each.path for each in findings] == ["infra/large.py"]


@pytest.mark.parametrize(
    ("docstring", "count"),
    [
        ("The API client.", 1),
        ("The API client. Only `ingest` and `automate` import it.", 0),
        ("The API client.\n\nImported by `ingest`.", 0),
    ],
)
def test_a_package_says_what_may_import_it(docstring: str, count: int) -> None:
    """In the docstring of its `__init__`."""
    files = {"functions/videovector_bridge/api/__init__.py": f'"""{docstring}"""\nimport x\n'}

    assert len(find_rooms_without_door(files)) == count


def test_packages_of_tests_need_not_say_it() -> None:
    """One check says it for all of them: nothing imports a test."""
    assert find_rooms_without_door({"tests/unit/__init__.py": '"""Tests."""'}) == []
