"""The values in VideoVector's responses, where their fields are documented.

Rows to which the vendor may add fields stay plain dictionaries (`JsonObject`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Marker:
    """A marker of the user ("Markers"). A missing field is None.

    `fields` is the whole JSON object, with further fields such as the target.
    """

    marker_id: str | None = None
    color: str | None = None
    note: str | None = None
    updated_at: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class SignedUrl:
    """A URL that reads `gcs_uri` without credentials until `expires_at`.

    `url` is itself a credential, hidden from `repr`: keep it out of logs. `expires_at` is the
    vendor's text (ISO 8601).
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
    """A video whose segments are requested: of one run, or (None) as VideoVector selects."""

    video_id: str
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook as VideoVector stores it ("Webhooks"), without its secret.

    `url` is hidden from `repr` because its query may be a credential. `index_ids` is None for a
    webhook of every index, `metadata` None if the response has none. `status` is `active`,
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
    """The new secret of a webhook. VideoVector shows it only once; hidden from `repr`."""

    webhook_id: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SentTest:
    """The result of a test delivery: the receiver's status, or the error."""

    success: bool
    status_code: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A recorded delivery, without its payload, which may contain signed URLs.

    `status` is `pending`, `delivered`, `failed` or `retrying`; times are the vendor's text
    (ISO 8601). `run_id` and `video_id` are those of the event in it.
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
    run_id: str | None = None
    video_id: str | None = None
