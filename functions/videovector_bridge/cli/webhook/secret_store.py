"""Where the text with a webhook's secrets is kept: what a store can do, and which one it is."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from videovector_bridge.errors import SettingsError


class SecretStore(Protocol):
    """A place for one small text. `str()` names it for people.

    `settle_seconds` is how long a reader may go on with what was there before a write. Raises
    `SettingsError` for what the operator has named wrongly, `BackendError` for what fails.
    """

    settle_seconds: float

    def read(self) -> str:
        """The text, or nothing if none was written yet."""
        ...

    def write(self, text: str) -> bool:
        """Put `text` in the place of what was there, all of it or nothing.

        False if somebody else wrote between the last reading and this, and was overwritten.
        """
        ...

    def held(self) -> AbstractContextManager[None]:
        """Keep other commands away meanwhile, where that can be done."""
        ...

    def check_writable(self) -> None:
        """Raise unless a write would succeed as far as can be known."""
        ...


def choose_store(secret_file: Path | None, secret: str, problems: list[str]) -> SecretStore | None:
    """The store that the options name; what is wrong is added to `problems`."""
    if (secret_file is None) == (not secret):
        problems.append(
            "name one place for the secret: --secret-file PATH or --secret projects/P/secrets/S"
        )
        return None
    if secret_file is not None:
        from videovector_bridge.cli.webhook.file_store import FileStore  # noqa: PLC0415 - only one

        return FileStore(secret_file)
    from videovector_bridge.cli.webhook.secret_manager import SecretManagerStore  # noqa: PLC0415 - 200 ms

    try:
        return SecretManagerStore(secret)
    except SettingsError as error:
        problems.extend(error.problems)
        return None
