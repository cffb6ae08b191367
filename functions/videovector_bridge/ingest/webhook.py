"""Entry point `receive_webhook`: one delivery of VideoVector's, verified and published."""

import os
import threading
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, Final

import orjson
from flask import Request, Response

from videovector_bridge.backends import open_backend
from videovector_bridge.backends.per_process import PerProcess
from videovector_bridge.backends.ports import Backend, Message
from videovector_bridge.errors import BackendError, SettingsError
from videovector_bridge.events import Rejection
from videovector_bridge.ingest.delivery import (
    Refusal,
    VerifiedDelivery,
    message_of,
    source_of,
    to_event,
    verify,
)
from videovector_bridge.messages import rejected_messages
from videovector_bridge.redact import clean_text, redact, redact_all
from videovector_bridge.settings import WebhookSettings, webhook_settings
from videovector_bridge.telemetry import Severity, log
from videovector_bridge.webhook_secrets import WebhookSecrets

_PIECE_BYTES: Final = 65_536
# When to come again: as soon as others are done, when Pub/Sub is well, when a person has acted.
_SOON_SECONDS: Final = 1
_LATER_SECONDS: Final = 5
_MUCH_LATER_SECONDS: Final = 30
# All that somebody whom nothing has verified is told.
_WORDS: Final = {
    400: "malformed",
    401: "unauthorized",
    405: "method_not_allowed",
    413: "too_large",
    415: "not_json",
    503: "unavailable",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a request ended: its status, and its line in the log, named `webhook.<name>`.

    `answer` is added to the body of the answer, `facts` to the line.
    """

    status: int
    name: str
    severity: Severity
    message: str
    retry_after: int = 0
    answer: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Instance:
    settings: WebhookSettings
    backend: Backend
    places: threading.BoundedSemaphore


def _open() -> _Instance:
    settings = webhook_settings(os.environ)
    places = threading.BoundedSemaphore(settings.max_deliveries)
    return _Instance(settings, open_backend(settings.backend), places)


# At the first request and not at import, for the host forks after import; and once though several
# requests are the first, for they share the places.
_instance = PerProcess(_open)


def receive_webhook(request: Request) -> Response:
    """Publish one delivery of a webhook; the answer comes after Pub/Sub's acknowledgement.

    204 accepted; 401 missing or wrong signature, or unknown webhook; 400 not the documented body;
    405; 413; 415; 503 with Retry-After: it may come again. Any bytes and headers give one of these.
    """
    try:
        outcome = _receive(request)
    except SettingsError as error:
        outcome = Outcome(
            503,
            "settings_wrong",
            "CRITICAL",
            f"Settings are wrong: {error}",
            _MUCH_LATER_SECONDS,
            facts={"problems": error.problems},
        )
    except Exception as error:  # noqa: BLE001  # the edge: a bug must not lose the delivery
        outcome = Outcome(
            503,
            "crashed",
            "CRITICAL",
            f"Crashed: {type(error).__name__}: {error}",
            _MUCH_LATER_SECONDS,
            facts={"stack_trace": redact(traceback.format_exc())},
        )
    # The host would read all that was left unread into memory, however much it is.
    request.stream = BytesIO()
    log(
        outcome.severity,
        f"webhook.{outcome.name}",
        outcome.message,
        headers=request.headers,
        project=os.environ.get("GOOGLE_CLOUD_PROJECT", ""),
        status=outcome.status,
        webhook_id=_header(request, "X-Webhook-ID"),
        delivery_id=_header(request, "X-Delivery-ID"),
        **outcome.facts,
    )
    return _answer(outcome)


def _receive(request: Request) -> Outcome:
    if request.method != "POST":
        return _refused(405, "INFO", "method", f"{request.method[:20]} is not POST")
    if request.mimetype != "application/json":
        return _refused(415, "WARNING", "content_type", "the body is not application/json")
    instance = _instance.get()
    settings = instance.settings
    body = _read(request, settings.max_bytes)
    if isinstance(body, Outcome):
        return body
    verified = verify(
        body,
        request.headers.get("X-Webhook-Signature"),
        request.headers.get("X-Webhook-ID"),
        secrets=_secrets(settings),
        now=_now(),
        allowed=settings.ids,
    )
    if isinstance(verified, Refusal):
        return _unverified(verified)
    event = to_event(verified)
    if isinstance(event, Rejection):
        return _reject(instance, verified, event, _header(request, "X-Delivery-ID"))
    message = message_of(verified, event, api_host=settings.api_host, lanes=settings.lanes)
    failed = _publish(instance, settings.topics.events, [message])
    facts = {"event_id": event.id, "event_type": event.type, "bytes": len(body)}
    return failed or Outcome(
        204, "accepted", "INFO", f"Accepted {event.type} {event.id}", facts=facts
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _secrets(settings: WebhookSettings) -> WebhookSecrets:
    try:
        return WebhookSecrets.parse(settings.secrets.current())
    except FileNotFoundError:
        return WebhookSecrets()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"WEBHOOK_SECRETS_FILE cannot be read: {error}"]) from None
    except SettingsError as error:
        problems = [f"WEBHOOK_SECRETS(_FILE): {problem}" for problem in error.problems]
        raise SettingsError(problems) from None


def _read(request: Request, limit: int) -> bytes | Outcome:
    """The raw body, of which at most one byte beyond `limit` is read, whatever its headers say."""
    too_large = _refused(413, "WARNING", "too_large", f"the body has more than {limit:,} bytes")
    stated = request.content_length or 0
    if stated > limit:
        return too_large
    body = bytearray()
    try:
        while piece := request.stream.read(min(_PIECE_BYTES, limit + 1 - len(body))):
            body += piece
            if len(body) > limit:
                return too_large
    except Exception as error:  # noqa: BLE001  # each host has errors of its own for bad framing
        why = f"the body is badly framed or broke off ({type(error).__name__})"
        return _refused(400, "WARNING", "unreadable_body", why)
    if len(body) < stated:
        why = f"the body broke off after {len(body):,} of {stated:,} bytes"
        return _refused(400, "WARNING", "unreadable_body", why)
    return bytes(body)


def _refused(status: int, severity: Severity, code: str, why: str) -> Outcome:
    return Outcome(status, "refused", severity, f"Refused: {why}", facts={"code": code})


def _unverified(refusal: Refusal) -> Outcome:
    if refusal.code == "no_secret":
        message = "There is no secret to verify with yet: see WEBHOOK_SECRETS and its file."
        return Outcome(503, "no_secret", "ERROR", message, refusal.retry_after)
    if refusal.code == "rotating":
        message = "Signed with none of our secrets, while one is being rotated: to come again."
        return Outcome(503, "rotating", "WARNING", message, refusal.retry_after)
    return _refused(refusal.status, "WARNING", refusal.code, refusal.code.replace("_", " "))


def _reject(
    instance: _Instance, delivery: VerifiedDelivery, reason: Rejection, delivery_id: str
) -> Outcome:
    """Keep the bytes that VideoVector signed, though they are not the documented body."""
    settings = instance.settings
    messages = rejected_messages(
        delivery.body,
        owner=reason.owner,
        code=reason.code,
        detail=reason.detail,
        context={
            "source": source_of(delivery, settings.api_host),
            "webhook-id": delivery.webhook_id,
            "delivery-id": delivery_id,
        },
    )
    facts = {"reason": reason.owner, "code": reason.code, "bytes": len(delivery.body)}
    return _publish(instance, settings.topics.rejected, messages) or Outcome(
        400,
        "rejected",
        "ERROR",
        f"Rejected, and kept on topic {settings.topics.rejected!r}: {reason.detail}",
        answer={"code": reason.code, "detail": reason.detail},
        facts=facts,
    )


def _publish(instance: _Instance, topic: str, messages: Sequence[Message]) -> Outcome | None:
    """Publish, or say why not."""
    if not instance.places.acquire(blocking=False):
        busy = f"{instance.settings.max_deliveries} deliveries are being published already."
        return Outcome(503, "overloaded", "WARNING", busy, _SOON_SECONDS)
    try:
        instance.backend.topics.publish(topic, messages, timeout=instance.settings.publish_seconds)
    except BackendError as error:
        return Outcome(503, "publish_failed", "ERROR", str(error), _LATER_SECONDS)
    finally:
        instance.places.release()
    return None


def _header(request: Request, name: str) -> str:
    """A header for people to read; nothing has verified it."""
    return clean_text(request.headers.get(name, ""), limit=200)


def _answer(outcome: Outcome) -> Response:
    headers = {"Retry-After": str(outcome.retry_after)} if outcome.retry_after else {}
    if outcome.status == 204:
        return Response(status=204)
    if outcome.status == 405:
        headers["Allow"] = "POST"
    body = orjson.dumps(redact_all({"error": _WORDS[outcome.status], **outcome.answer}))
    return Response(body, outcome.status, headers, content_type="application/json")
