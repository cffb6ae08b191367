"""`cli.app`: the version, and errors as messages with an exit status."""

import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.commands import KEY, run_command
from videovector_bridge.api import Unreachable
from videovector_bridge.api.webhooks import WebhooksClient
from videovector_bridge.cli.context import CommandContext
from videovector_bridge.cli.errors import NotReachedError
from videovector_bridge.cli.source_tree import find_version
from videovector_bridge.errors import BackendError, BridgeError, SettingsError
from videovector_bridge.settings import ApiSettings

ENVIRON = {"VIDEO_VECTOR_API_KEY": KEY}


def test_version_of_a_source_tree_is_that_in_pyproject() -> None:
    """It is the only definition of the version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ran = run_command("--version")

    assert (ran.status, ran.err) == (0, "")
    assert ran.out == f"videovector-bridge {project['version']}\n"


def test_version_without_a_source_tree_is_that_of_the_installed_package(tmp_path: Path) -> None:
    """The package's metadata has it."""
    assert find_version(tmp_path) == version("videovector-bridge")


def test_version_of_the_source_tree_comes_first(tmp_path: Path) -> None:
    """Another version may be installed beside a source tree."""
    project = tmp_path / "pyproject.toml"
    project.write_text('[project]\nversion = "9.9.9"\n', encoding="utf-8")

    assert find_version(tmp_path) == "9.9.9"


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (SettingsError(["A is wrong", "B is"]), 2, "Wrong usage or settings: A is wrong B is"),
        (BackendError("The disk is full."), 1, "The disk is full."),
        (NotReachedError("Not yet."), 3, "Not yet."),
        (
            Unreachable("No response."),
            1,
            "No response. Run the command again: it continues where it stopped.",
        ),
    ],
)
def test_an_error_is_a_message_and_an_exit_status(
    error: BridgeError, status: int, message: str
) -> None:
    """The message is on standard error; nothing is on standard output."""

    def fail(_settings: ApiSettings) -> WebhooksClient:
        raise error

    ran = run_command("webhook", "list", context=CommandContext(ENVIRON, fail))

    assert (ran.status, ran.out, ran.err) == (status, "", message)
