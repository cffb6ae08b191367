"""The automations that the functions follow: those that are shipped, or another file's."""

from pathlib import Path

from infra.local.configuration import SHIPPED_AUTOMATIONS
from videovector_bridge.automate.automations.reader import read_automations
from videovector_bridge.errors import SettingsError


def check_automations(file: str) -> None:
    """Check `file`, or the shipped automations where it is empty.

    Raises `SettingsError` naming every mistake in them.
    """
    path = Path(file) if file else SHIPPED_AUTOMATIONS
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"AUTOMATIONS_FILE {str(path)!r} cannot be read: {error}"]) from None
    read_automations(text, path.name)
