"""docs/configuration.md names exactly the environment variables that the bridge reads."""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import get_args, get_type_hints

from tests.support import ROOT
from videovector_bridge.errors import SettingsError
from videovector_bridge.settings import BackendSettings
from videovector_bridge.settings.canary import canary_settings
from videovector_bridge.settings.drain import drain_settings
from videovector_bridge.settings.reconcile import reconcile_settings
from videovector_bridge.settings.subscriber import subscriber_settings
from videovector_bridge.settings.webhook import webhook_settings

PAGE = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
SOURCES = sorted((ROOT / "functions").rglob("*.py"))
NAME = re.compile(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)`")
BACKENDS = get_args(get_type_hints(BackendSettings)["kind"])
EMULATOR = re.compile(r"[A-Z_]+_EMULATOR_HOST")
SETTINGS: tuple[Callable[[Mapping[str, str]], object], ...] = (
    drain_settings,
    subscriber_settings,
    webhook_settings,
    canary_settings,
    reconcile_settings,
)


class Recording(Mapping[str, str]):
    """An environment that records the names that are read."""

    def __init__(self, **values: str) -> None:
        self._values = values
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("settings read variables by name")

    def __len__(self) -> int:
        return len(self._values)


def find_names_read() -> set[str]:
    """The variables that the settings of the functions read, over each backend."""
    names = set[str]()
    for settings in SETTINGS:
        for backend in BACKENDS:
            environ = Recording(BACKEND=backend)
            with suppress(SettingsError):
                settings(environ)
            names |= environ.names
    return names


def find_emulators_read() -> set[str]:
    """The variables of emulators that the code of the bridge names."""
    texts = (
        node.value
        for source in SOURCES
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return {text for text in texts if EMULATOR.fullmatch(text)}


def find_names_documented() -> set[str]:
    """The variables in the first column of the page's tables."""
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in NAME.findall(row.split("|")[1])}


def test_every_setting_is_documented() -> None:
    """No variable is missing, and none is documented that nothing reads."""
    assert find_names_documented() == find_names_read()


def test_the_variables_of_emulators_are_documented() -> None:
    """The page names exactly the variables that the code names."""
    documented = {name for name in NAME.findall(PAGE) if EMULATOR.fullmatch(name)}

    assert documented == find_emulators_read()


def test_no_other_variable_is_read() -> None:
    """Code beside the settings reads documented variables only."""
    read = {
        name
        for source in SOURCES
        for name in re.findall(
            r'os\.environ(?:\.get\(|\[)"(\w+)"', source.read_text(encoding="utf-8")
        )
    }

    assert read
    assert read <= set(NAME.findall(PAGE))
