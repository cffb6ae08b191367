"""What VideoVector's answers hold, where the fields are definite.

Where the vendor may add fields, rows stay plain dictionaries (`JsonObject`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Marker:
    """A marker of the user's ("Markers"). What VideoVector left out is None.

    `fields` is the whole object as it came, for what else it may say, such as its target.
    """

    marker_id: str | None = None
    color: str | None = None
    note: str | None = None
    updated_at: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class SignedUrl:
    """An address from which anybody may read `gcs_uri` until `expires_at`.

    `url` is a credential, hidden from `repr`: keep it out of logs. `expires_at` is in the
    vendor's own words (ISO 8601).
    """

    gcs_uri: str
    url: str = field(repr=False)
    expires_at: str


@dataclass(frozen=True, slots=True)
class Media:
    """An image: its bytes, and its media type in lower case without parameters."""

    content: bytes = field(repr=False)
    content_type: str


@dataclass(frozen=True, slots=True)
class SegmentsTarget:
    """A video whose segments are wanted, as one run made them or (None) as VideoVector picks."""

    video_id: str
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook as VideoVector keeps it ("Webhooks"); its secret is never part of it.

    `url` is hidden from `repr`, for its query may be a credential. `index_ids` is None for a
    webhook of every index, `metadata` None where the answer has none. `status` is `active`,
    `paused` or `disabled`.
    """

    webhook_id: str
    name: str
    url: str = field(repr=False)
    events: tuple[str, ...]
    index_ids: tuple[str, ...] | None = None
    status: str = "active"
    failure_count: int = 0
    created_at: str | None = None
    metadata: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret that a webhook signs with from now on. It is shown this once; hidden from `repr`."""

    webhook_id: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SentTest:
    """How the receiver answered a test delivery, or why it did not."""

    success: bool
    status_code: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery on record. Its payload is left out, for it may hold signed URLs.

    `status` is `pending`, `delivered`, `failed` or `retrying`; times are in the vendor's own words
    (ISO 8601).
    """

    delivery_id: str
    webhook_id: str
    event_type: str
    status: str
    attempts: int = 0
    created_at: str | None = None
    last_attempt_at: str | None = None
    next_retry_at: str | None = None
    response_status_code: int | None = None
    error_message: str | None = None
