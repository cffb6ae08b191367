"""A webhook's delivery: whether it is VideoVector's, and the event that it is. All of it is pure.

Source: "Webhooks" in the vendor's API reference. A delivery is signed, `X-Webhook-Signature:
sha256=<hex>`, with HMAC-SHA256 of the raw body under the webhook's secret. Nothing else is signed:
neither its headers nor a time, so a copy of a delivery is as good as the first.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, final
from urllib.parse import quote

import orjson

from videovector_bridge.backends.ports import Message
from videovector_bridge.events import (
    MAX_ID_BYTES,
    Event,
    Rejection,
    event_message,
    id_text,
    lane,
    lane_key,
    lifted_ids,
)
from videovector_bridge.settings.webhook import WEBHOOK_ID
from videovector_bridge.webhook_secrets import WebhookSecrets

CHANNEL: Final = "webhook"
TEST: Final = "test"  # the type of the vendor's test deliveries
NAMELESS: Final = "unknown"  # the webhook of a delivery that does not say which

_SIGNATURE: Final = re.compile(r"sha256=([0-9a-fA-F]{64})")
# What an address may hold in a path besides letters, digits and -._~ (RFC 3986, pchar).
_PATH_SAFE: Final = "!$&'()*+,;=:@"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a delivery is not taken, as a stable word; after 503 it may come again in some seconds.

    What it says helps whoever reads the log. It is not for whoever sent the request.
    """

    status: Literal[401, 503]
    code: str
    retry_after: int = 0


_WRONG: Final = Refusal(401, "wrong_signature")


@final
@dataclass(frozen=True, slots=True, init=False)
class VerifiedDelivery:
    """A body that one of our secrets signed. Only `verify` makes one.

    `webhook_id` is what the sender says, which nothing signs.
    """

    body: bytes = field(repr=False)
    webhook_id: str

    def __init__(self) -> None:
        raise TypeError("A delivery is verified by `verify`, and made in no other way.")


def verify(
    body: bytes,
    signature: str | None,
    webhook_id: str | None,
    *,
    secrets: WebhookSecrets,
    now: datetime,
    allowed: Collection[str] = (),
) -> VerifiedDelivery | Refusal:
    """Whether one of the secrets that hold at `now` signed these bytes, for an allowed webhook.

    `signature` and `webhook_id` are the headers as they came, or None. `allowed` names the webhooks
    that may deliver; empty: any, also one that does not say which.
    """
    current = secrets.current(now)
    if not current:
        return Refusal(503, "no_secret", retry_after=5)
    unsigned = _unsigned(body, signature, current)
    stranger = _stranger(webhook_id, allowed)
    # Of a webhook that may not deliver there is no new secret to wait for.
    if unsigned == _WRONG and stranger is None and secrets.rotating(now):
        return Refusal(503, "rotating", retry_after=1)
    refusal = unsigned or stranger
    if refusal is not None:
        return refusal
    verified = object.__new__(VerifiedDelivery)
    object.__setattr__(verified, "body", body)
    object.__setattr__(verified, "webhook_id", NAMELESS if webhook_id is None else webhook_id)
    return verified


def _unsigned(body: bytes, signature: str | None, secrets: Collection[str]) -> Refusal | None:
    if signature is None:
        return Refusal(401, "missing_signature")
    found = _SIGNATURE.fullmatch(signature)
    if found is None:
        return Refusal(401, "malformed_signature")
    given = bytes.fromhex(found[1])
    fits = False
    # Every secret is tried, so that the time it takes tells nothing of which one fits.
    for secret in secrets:
        # An environment variable may hold bytes that are no text.
        key = secret.encode("utf-8", "surrogateescape")
        fits |= hmac.compare_digest(hmac.digest(key, body, "sha256"), given)
    return None if fits else _WRONG


def _stranger(webhook_id: str | None, allowed: Collection[str]) -> Refusal | None:
    if webhook_id is not None and not WEBHOOK_ID.fullmatch(webhook_id):
        return Refusal(401, "malformed_webhook_id")
    if allowed and webhook_id not in allowed:
        return Refusal(401, "unknown_webhook")
    return None


def to_event(delivery: VerifiedDelivery) -> Event | Rejection:
    """The event that was delivered: `{"id", "event", "data", "created_at", ...}`.

    Any body gives an event or a rejection. Ids in `data` that no attribute can carry are left out;
    they still stand in the body. A test delivery needs neither id nor data.
    """
    fields = _decode(delivery.body)
    if isinstance(fields, Rejection):
        return fields
    event_type = _word("event", fields.get("event"))
    if isinstance(event_type, Rejection):
        return event_type
    testing = event_type == TEST
    stated = fields.get("id")
    if testing and stated in (None, ""):
        stated = f"test-{hashlib.sha256(delivery.body).hexdigest()[:32]}"
    event_id = _word("id", stated)
    if isinstance(event_id, Rejection):
        return event_id
    data = fields.get("data")
    if testing and data is None:
        data = {}
    if type(data) is not dict:
        return Rejection("bad_data", f"data is not a JSON object but a {type(data).__name__}")
    made_at = fields.get("created_at")
    created_at = made_at if type(made_at) is str else None
    return Event(event_id, event_type, created_at, data=delivery.body, **lifted_ids(data))


def _word(name: str, value: object) -> str | Rejection:
    if value is None:
        return Rejection(f"missing_{name}", f"{name} is missing or null")
    word = id_text(value)
    if word is None:
        detail = f"{name} is not 1 to {MAX_ID_BYTES} printable ASCII characters"
        return Rejection(f"bad_{name}", detail)
    return word


def _decode(body: bytes) -> dict[str, Any] | Rejection:
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return Rejection("bad_json", str(error))
    if type(fields) is not dict:
        return Rejection("not_an_object", f"the body is a JSON {type(fields).__name__}")
    try:
        # Readers differ in which of two values they take: one event must not be two.
        json.loads(body, object_pairs_hook=_distinct, parse_int=str, parse_float=str)
    except (ValueError, RecursionError) as error:
        return Rejection("ambiguous_json", str(error))
    return fields


def _distinct(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("an object of the body has two values of one name")


def source_of(delivery: VerifiedDelivery, api_host: str) -> str:
    """The event's `ce-source`: which webhook of which API it came by."""
    return f"//{api_host}/webhooks/{quote(delivery.webhook_id, safe=_PATH_SAFE)}"


def message_of(delivery: VerifiedDelivery, event: Event, *, api_host: str, lanes: int) -> Message:
    """The delivered event as a message: a CloudEvent, its data the body byte for byte."""
    return event_message(
        event,
        source=source_of(delivery, api_host),
        channel=CHANNEL,
        ordering_key=lane_key(lane(event, lanes)),
    )
