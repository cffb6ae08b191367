"""The data of selected messages, in a temporary file, so that memory does not grow with them."""

from collections.abc import Iterable, Iterator
from tempfile import TemporaryFile
from types import TracebackType
from typing import Final, Self

import orjson

from videovector_bridge.backends.ports import Message

MAX_SPOOL_BYTES: Final = 1 << 30
"""The most bytes of the file: 1 GiB."""

_PIECE_BYTES: Final = 1_048_576


class Spool:
    """Messages by id, in a file without a name that only this process can read."""

    def __init__(self, max_bytes: int = MAX_SPOOL_BYTES) -> None:
        self._file = TemporaryFile(prefix="videovector-bridge-")  # noqa: SIM115 - closed by `close`
        self._max_bytes = max_bytes
        self._end = 0
        self._places: dict[str, tuple[int, int, int]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    @property
    def is_full(self) -> bool:
        """Whether no more messages should be written."""
        return self._end >= self._max_bytes

    def write(self, message_id: str, message: Message) -> None:
        """Store a message."""
        head = orjson.dumps([dict(message.attributes), message.ordering_key])
        self._file.seek(self._end)
        self._file.write(head)
        self._file.write(message.data)
        self._places[message_id] = (self._end, len(head), len(message.data))
        self._end += len(head) + len(message.data)

    def head(self, message_id: str) -> Message:
        """Return a message without its data."""
        start, length, _ = self._places[message_id]
        self._file.seek(start)
        attributes, ordering_key = orjson.loads(self._file.read(length))
        return Message(b"", attributes, ordering_key)

    def read(self, message_id: str) -> Message:
        """Return a message."""
        return self.head(message_id)._replace(data=b"".join(self.pieces([message_id])))

    def pieces(self, message_ids: Iterable[str]) -> Iterator[bytes]:
        """Yield the joined data of messages in pieces of 1 MiB; the last may be shorter."""
        piece = b""
        for message_id in message_ids:
            start, length, left = self._places[message_id]
            at = start + length
            while left:
                self._file.seek(at)
                data = self._file.read(min(left, _PIECE_BYTES - len(piece)))
                at, left = at + len(data), left - len(data)
                piece += data
                if len(piece) == _PIECE_BYTES:
                    yield piece
                    piece = b""
        if piece:
            yield piece
