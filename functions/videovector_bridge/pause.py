"""The pause of a stream or of the webhook channel: the field `paused` of its document. Pure.

`streams/{name}` has the pause of a stream, `channels/webhook` that of the webhook channel. The
field is null or absent, or has `since` (ISO 8601), `reason` and `by`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from videovector_bridge.redact import clean_text

FIELD: Final = "paused"
CHANNELS: Final = "channels"
WEBHOOK: Final = "webhook"
LONGEST_REASON: Final = 300


@dataclass(frozen=True, slots=True)
class Pause:
    """Who paused it, when and why. A part that is unknown is empty."""

    since: str
    reason: str
    by: str

    def __str__(self) -> str:
        since = f" since {self.since}" if self.since else ""
        by = f" by {self.by}" if self.by else ""
        return f"paused{since}{by}: {self.reason.rstrip('. ') or 'no reason is recorded'}"

    def as_field(self) -> dict[str, str]:
        """Return the value of the field."""
        return asdict(self)


def parse_pause(fields: Mapping[str, Any]) -> Pause | None:
    """Return the pause in the fields of a document; None if it is not paused.

    A person may write the field too: a text is the reason, `true` is a pause without one.
    """
    value = fields.get(FIELD)
    if not value:
        return None
    if not isinstance(value, Mapping):
        return Pause("", _text(value) if isinstance(value, str) else "", "")
    return Pause(_text(value.get("since")), _text(value.get("reason")), _text(value.get("by")))


def _text(value: object) -> str:
    return "" if value is None else clean_text(str(value), limit=LONGEST_REASON)
