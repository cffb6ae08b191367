"""Event ids, digests for other ids, and timestamps."""

import hashlib
from datetime import UTC, datetime

_MASK = (1 << 64) - 1
_ODD = 0x9E3779B97F4A7C15
_INVERSE = pow(_ODD, -1, 1 << 64)
_PREFIX = "evt_"
_DIGITS = 16


class EventIds:
    """A one-to-one map between sequence numbers (from 1) and opaque event ids.

    Like the vendor's ids they do not reveal their order; the map needs no table in memory.
    """

    def __init__(self, seed: int) -> None:
        self._salt = int.from_bytes(hashlib.sha256(f"events:{seed}".encode()).digest()[:8])

    def of(self, sequence: int) -> str:
        """Return the event id of a sequence number."""
        return f"{_PREFIX}{(sequence * _ODD + self._salt) & _MASK:016x}"

    def sequence(self, event_id: str) -> int | None:
        """Return the sequence number of an event id, or None if this map did not create it."""
        digits = event_id.removeprefix(_PREFIX)
        if len(event_id) != len(_PREFIX) + _DIGITS or len(digits) != _DIGITS:
            return None
        try:
            value = int(digits, 16)
        except ValueError:
            return None
        sequence = ((value - self._salt) * _INVERSE) & _MASK
        return sequence if self.of(sequence) == event_id else None


def digest(*parts: object, length: int = 12) -> str:
    """Return a short hexadecimal digest of the parts, for ids derived from the seed."""
    return hashlib.sha256(":".join(map(str, parts)).encode()).hexdigest()[:length]


def timestamp(seconds: float) -> str:
    """Format seconds since the epoch as ISO 8601 in UTC, with microseconds and Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
