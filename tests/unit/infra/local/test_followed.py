"""The automations that a local stack follows are checked before it starts."""

from pathlib import Path

import pytest

from infra.local.followed import check_automations
from videovector_bridge.errors import SettingsError


def test_the_shipped_automations_are_in_order() -> None:
    """They are what is followed where no file is named."""
    check_automations("")


@pytest.mark.parametrize("content", [None, "[[automation]]\nname = 1", b"\xff"])
def test_mistakes_in_the_automations_name_the_file(
    tmp_path: Path, content: str | bytes | None
) -> None:
    """A file that is not there, or not in order, is a wrong setting."""
    file = tmp_path / "mine.toml"
    if content is not None:
        file.write_bytes(content.encode() if isinstance(content, str) else content)

    with pytest.raises(SettingsError, match=r"mine\.toml"):
        check_automations(str(file))
