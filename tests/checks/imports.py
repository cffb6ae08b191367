"""Import cycles, and imports of tests: what the contracts in `pyproject.toml` cannot say."""

import graphlib
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import grimp

ROOTS = ("videovector_bridge", "infra", "tests")
Imports = Mapping[str, AbstractSet[str]]
"""The modules that each module imports, for type checkers only included."""


def check() -> str:
    """What is wrong in the import graph, a line each."""
    graph = grimp.build_graph(*ROOTS, cache_dir=None)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    return "\n".join([*find_cycles(imports), *find_imports_of_tests(imports)])


def find_cycles(imports: Imports) -> list[str]:
    """One line for each import cycle, until none is left without its last import."""
    remaining = {name: set(imported) for name, imported in imports.items()}
    findings = []
    while True:
        try:
            graphlib.TopologicalSorter(remaining).prepare()
        except graphlib.CycleError as error:
            # Each module in it is imported by the next one.
            cycle = error.args[1]
            findings.append(
                f"import cycle: {' -> '.join(reversed(cycle))}; move what both need into a module "
                "that imports neither"
            )
            remaining[cycle[1]].remove(cycle[0])
        else:
            return findings


def find_imports_of_tests(imports: Imports) -> list[str]:
    """Nothing is imported from `test_*.py`, and `tests.support` imports no other tests."""
    findings = []
    for importer, names in sorted(imports.items()):
        for name in sorted(names):
            if name.rpartition(".")[2].startswith("test_"):
                findings.append(f"{importer} imports {name}; move what it needs to tests.support")
            elif is_within(importer, "tests.support") and not is_allowed_in_support(name):
                findings.append(f"{importer} imports {name}; tests.support imports no other tests")
    return findings


def is_allowed_in_support(name: str) -> bool:
    """Whether `tests.support` may import this module."""
    return is_within(name, "tests.support") or not is_within(name, "tests")


def is_within(name: str, package: str) -> bool:
    """Whether a module is this package or inside it."""
    return name == package or name.startswith(f"{package}.")
