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
