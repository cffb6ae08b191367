"""Files of messages that were dropped: write them, and read them as a subscription."""

import os
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path

import orjson

from videovector_bridge.backends.ports import Message, Timeout
from videovector_bridge.backends.reading_ports import PulledMessage
from videovector_bridge.cli.operate.letters.letter import Letter
from videovector_bridge.cli.operate.letters.spool import Spool
from videovector_bridge.errors import SettingsError


def save_messages(file: Path, letters: Iterable[Letter], spool: Spool) -> None:
    """Write messages to a new file that only its owner can read. Raises `SettingsError`.

    When it returns, the file is on the disk.
    """
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as output:
            for each in letters:
                message = spool.read(each.message_id)
                line = {
                    "message_id": each.message_id,
                    "published_at": each.published_at.isoformat(),
                    "ordering_key": message.ordering_key,
                    "attributes": dict(message.attributes),
                    "data": b64encode(message.data).decode(),
                }
                output.write(orjson.dumps(line) + b"\n")
            output.flush()
            os.fsync(output.fileno())
    except OSError as error:
        raise SettingsError([f"--save: {file} cannot be written: {error.strerror}"]) from None


class SavedMessages:
    """A file of `save_messages`, as a subscription that is read once. Raises `SettingsError`.

    It has no leases: nothing is changed in the file.
    """

    def __init__(self, file: Path) -> None:
        self._messages = _read(file)

    def pull(self, subscription: str, *, limit: int, timeout: Timeout) -> list[PulledMessage]:  # noqa: ARG002 - never waits
        """Return the next messages of the file; none at its end."""
        return list(islice(self._messages, limit))

    def acknowledge(self, subscription: str, ack_ids: Sequence[str], *, timeout: Timeout) -> None:
        """Do nothing."""

    def extend(
        self, subscription: str, ack_ids: Sequence[str], seconds: int, *, timeout: Timeout
    ) -> None:
        """Do nothing."""


def _read(file: Path) -> Iterator[PulledMessage]:
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                yield _parse(file, number, line)
    except OSError as error:
        raise SettingsError([f"--from: {file} cannot be read: {error.strerror}"]) from None


def _parse(file: Path, number: int, line: bytes) -> PulledMessage:
    try:
        fields = orjson.loads(line)
        attributes = {str(name): str(value) for name, value in fields["attributes"].items()}
        data = b64decode(fields["data"], validate=True)
        return PulledMessage(
            "",
            str(fields["message_id"]),
            Message(data, attributes, str(fields["ordering_key"])),
            datetime.fromisoformat(fields["published_at"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(
            [f"--from: line {number} of {file} is no message of `drop --save`: {error!r}"]
        ) from None
