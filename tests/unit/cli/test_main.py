"""`cli.main`: errors that are not the operator's end in one sentence."""

import sys

import pytest

from tests.support.commands import KEY
from videovector_bridge.api.webhooks import WebhooksClient
from videovector_bridge.cli.context import CommandContext
from videovector_bridge.cli.main import main
from videovector_bridge.settings import ApiSettings


def test_a_missing_extra_is_named_with_the_command_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The deployed requirements do not include Typer."""
    monkeypatch.delitem(sys.modules, "videovector_bridge.cli.app", raising=False)
    for name in [name for name in sys.modules if name.partition(".")[0] == "typer"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "typer", None)

    with pytest.raises(SystemExit) as exited:
        main([])

    assert exited.value.code == 2
    assert "videovector-bridge[cli]" in capsys.readouterr().err


def test_a_bug_is_reported_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """The message names the error and its place; secrets in it are redacted."""

    def fail(_settings: ApiSettings) -> WebhooksClient:
        raise ZeroDivisionError("secret=hidden-hidden-hidden")

    with pytest.raises(SystemExit) as exited:
        main(["webhook", "list"], context=CommandContext({"VIDEO_VECTOR_API_KEY": KEY}, fail))
    message = capsys.readouterr().err

    assert exited.value.code == 1
    assert "ZeroDivisionError" in message
    assert "test_main.py" in message
    assert "Traceback" not in message
    assert "hidden-hidden" not in message
