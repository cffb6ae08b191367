"""The automations file is checked before the local stack starts."""

from pathlib import Path

import pytest

from infra.local.__main__ import check_automations
from videovector_bridge.errors import SettingsError


def test_the_shipped_automations_are_valid() -> None:
    """They are checked if no file is set."""
    check_automations("")


@pytest.mark.parametrize("content", [None, "[[automation]]\nname = 1", b"\xff"])
def test_mistakes_in_the_automations_name_the_file(
    tmp_path: Path, content: str | bytes | None
) -> None:
    """A missing or invalid file is a wrong setting."""
    file = tmp_path / "mine.toml"
    if content is not None:
        file.write_bytes(content.encode() if isinstance(content, str) else content)

    with pytest.raises(SettingsError, match=r"mine\.toml"):
        check_automations(str(file))
