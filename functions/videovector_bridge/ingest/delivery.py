"""Check and decode a webhook delivery, from its headers to the message. Pure.

The order is `admit`, `verify`, `decode_delivery`, `build_message`. Source:
"Webhooks" in the vendor's API reference. A delivery is signed, `X-Webhook-Signature: sha256=<hex>`,
with HMAC-SHA256 of the raw body under the webhook's secret. Nothing else is signed, neither headers
nor a time, so a copy of a delivery is as valid as the first.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

import orjson

from videovector_bridge.backends.ports import Message
from videovector_bridge.events import (
    MAX_ID_BYTES,
    NAMELESS,
    TEST,
    Event,
    Rejection,
    event_message,
    extract_ids,
    id_text,
    lane,
    lane_key,
    leading_scalars,
    webhook_source,
)
from videovector_bridge.settings.webhook import WEBHOOK_ID
from videovector_bridge.webhook_secrets import WebhookSecrets

CHANNEL: Final = "webhook"

MAX_VALUES: Final = 800_000
"""A body of more JSON values, each of which takes up to 80 bytes, is not decoded whole."""

_SIGNATURE: Final = re.compile(r"sha256=([0-9a-fA-F]{64})")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a delivery is refused. `code` is for the log, not for the sender.

    After 503 the delivery may be retried in `retry_after` seconds.
    """

    status: Literal[401, 503]
    code: str
    retry_after: int = 0


@dataclass(frozen=True, slots=True)
class UnverifiedDelivery:
    """The headers of a delivery whose body is not read yet. Anyone can have sent them."""

    signature: bytes = field(repr=False)
    webhook_id: str


@dataclass(frozen=True, slots=True)
class VerifiedDelivery:
    """A body signed with one of our secrets. Only `verify` builds it.

    `webhook_id` is the sender's statement; no signature covers it.
    """

    body: bytes = field(repr=False)
    webhook_id: str


def admit(
    signature: str | None,
    webhook_id: str | None,
    *,
    secrets: WebhookSecrets,
    now: datetime,
    allowed: Collection[str] = (),
) -> UnverifiedDelivery | Refusal:
    """Check everything that needs no body: only the body of an admitted delivery is read.

    `signature` and `webhook_id` are the raw headers, or None. `allowed` names the webhooks that may
    deliver; empty: any, also one without an id.
    """
    if signature is None:
        return Refusal(401, "missing_signature")
    well_formed = _SIGNATURE.fullmatch(signature)
    if well_formed is None:
        return Refusal(401, "malformed_signature")
    if webhook_id is not None and not WEBHOOK_ID.fullmatch(webhook_id):
        return Refusal(401, "malformed_webhook_id")
    if allowed and webhook_id not in allowed:
        return Refusal(401, "unknown_webhook")
    if not secrets.current(now):
        return Refusal(503, "no_secret", retry_after=5)
    stated_id = NAMELESS if webhook_id is None else webhook_id
    return UnverifiedDelivery(bytes.fromhex(well_formed[1]), stated_id)


def verify(
    delivery: UnverifiedDelivery, body: bytes, *, secrets: WebhookSecrets, now: datetime
) -> VerifiedDelivery | Refusal:
    """Check that one of the secrets valid at `now` signed these bytes."""
    matches = False
    # Try every secret, so that the duration does not show which one matches.
    for secret in secrets.current(now):
        digest = hmac.digest(secret.encode(), body, "sha256")
        matches |= hmac.compare_digest(digest, delivery.signature)
    if matches:
        return VerifiedDelivery(body, delivery.webhook_id)
    if secrets.rotating(now):
        return Refusal(503, "rotating", retry_after=1)
    return Refusal(401, "wrong_signature")


def decode_delivery(body: bytes) -> Event | Rejection:
    """Read the event of a delivery: `{"id", "event", "data", "created_at", ...}`.

    Any bytes give an event or a rejection. A JSON object with a readable `id` and `event` is an
    event, with any other members. The ids in `data` become ids of the event if no key is repeated
    and an attribute can carry them. A test delivery needs no id. A body of more than `MAX_VALUES`
    values is read only up to `data`, and its event has no other ids.
    """
    fields = _decode_fields(body)
    if isinstance(fields, Rejection):
        return fields
    event_type = _parse_word("event", fields.get("event"))
    if isinstance(event_type, Rejection):
        return event_type
    stated_id = fields.get("id")
    if event_type == TEST and stated_id in (None, ""):
        stated_id = f"test-{hashlib.sha256(body).hexdigest()[:32]}"
    event_id = _parse_word("id", stated_id)
    if isinstance(event_id, Rejection):
        return event_id
    created_at, data = fields.get("created_at"), fields.get("data")
    ids = extract_ids(data if type(data) is dict else {})
    del fields, data  # `_is_unambiguous` needs as much memory again
    if any(ids.values()) and not _is_unambiguous(body):
        ids = extract_ids({})
    return Event(
        event_id, event_type, created_at if type(created_at) is str else None, data=body, **ids
    )


def _decode_fields(body: bytes) -> dict[str, Any] | Rejection:
    if sum(map(body.count, (b",", b"[", b"{"))) > MAX_VALUES:
        fields = leading_scalars(body)
        if isinstance(fields, Rejection) or not {"id", "event"} <= fields.keys():
            detail = f"more than {MAX_VALUES:,} values, and id and event are not the first"
            return Rejection("too_complex", detail)
        return fields
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return Rejection("bad_json", str(error))
    if type(fields) is not dict:
        return Rejection("not_an_object", f"the body is a JSON {type(fields).__name__}")
    return fields


def _parse_word(name: str, value: object) -> str | Rejection:
    if value is None:
        return Rejection(f"missing_{name}", f"{name} is missing or null")
    word = id_text(value)
    if word is None:
        detail = f"{name} is not 1 to {MAX_ID_BYTES} printable ASCII characters"
        return Rejection(f"bad_{name}", detail)
    return word


def _is_unambiguous(body: bytes) -> bool:
    """Whether no key of the object or of its `data` is repeated: parsers choose different ones.

    orjson has accepted the body; a body that the standard library refuses is ambiguous too.
    """
    try:
        whole = json.loads(body, object_pairs_hook=_Keys, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return False
    return all(type(keys) is _Keys and keys.distinct for keys in (whole, whole.data))


class _Keys:
    """Whether the keys of a JSON object are distinct, and its value of `data`."""

    __slots__ = ("data", "distinct")

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        values = dict(pairs)
        self.distinct = len(values) == len(pairs)
        self.data = values.get("data")


def format_source(delivery: VerifiedDelivery, api_host: str) -> str:
    """Return the event's `ce-source`: the API host and the webhook."""
    return webhook_source(api_host, delivery.webhook_id)


def build_message(
    delivery: VerifiedDelivery, event: Event, *, api_host: str, lanes: int, trace: Mapping[str, str]
) -> Message:
    """Return the message of a delivered event: a CloudEvent with the body, byte for byte.

    `trace` has the attributes of its span.
    """
    return event_message(
        event,
        source=format_source(delivery, api_host),
        channel=CHANNEL,
        ordering_key=lane_key(lane(event, lanes)),
        trace=trace,
    )
