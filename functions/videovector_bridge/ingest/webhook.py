"""Entry point `receive_webhook`: verify one webhook delivery and publish it."""

import os
import re
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from io import BytesIO
from typing import Final

from flask import Request, Response

from videovector_bridge.backends import open_backend, open_secret
from videovector_bridge.backends.per_process import PerProcess
from videovector_bridge.backends.ports import Backend, Message
from videovector_bridge.byte_budget import ByteBudget
from videovector_bridge.errors import BackendError, SettingsError, UnstorableError
from videovector_bridge.events import Rejection
from videovector_bridge.ingest.body import (
    IN_FLIGHT_BYTES,
    SMALL_BYTES,
    SMALL_SHARE_BYTES,
    BodyReader,
    UnreadableBody,
)
from videovector_bridge.ingest.channel_pause import ChannelPause
from videovector_bridge.ingest.delivery import (
    Refusal,
    UnverifiedDelivery,
    VerifiedDelivery,
    admit,
    build_message,
    decode_delivery,
    format_source,
    verify,
)
from videovector_bridge.ingest.webhook_outcome import (
    Outcome,
    build_response,
    crashed,
    misconfigured,
    overloaded,
    paused,
    refused,
    secrets_unreadable,
    unpublished,
    unreadable,
    unverified,
)
from videovector_bridge.messages import rejected_messages
from videovector_bridge.redact import clean_text
from videovector_bridge.settings.webhook import WebhookSettings, webhook_settings
from videovector_bridge.telemetry import current_trace, log, tracing
from videovector_bridge.trace import trace_of_request
from videovector_bridge.webhook_secrets import CurrentSecrets

_LENGTH: Final = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class Receiver:
    """Settings, clients and limits that the requests of one process share.

    A request needs one of `publish_slots` to publish. Bodies are decoded one at a time
    (`decoding`), because decoded JSON takes far more bytes than its text.
    """

    settings: WebhookSettings
    secrets: CurrentSecrets
    backend: Backend
    pause: ChannelPause
    budget: ByteBudget
    publish_slots: threading.BoundedSemaphore
    decoding: threading.Lock


def open_receiver(environ: Mapping[str, str]) -> Receiver:
    """Return a receiver with the settings of `environ`. Raises `SettingsError`."""
    settings = webhook_settings(environ)
    backend = open_backend(settings.backend)
    return Receiver(
        settings,
        _open_secrets(settings.secrets),
        backend,
        ChannelPause(backend.documents),
        ByteBudget(IN_FLIGHT_BYTES, small_bytes=SMALL_BYTES, small_share=SMALL_SHARE_BYTES),
        threading.BoundedSemaphore(settings.max_deliveries),
        threading.Lock(),
    )


def _open_secrets(secrets: CurrentSecrets | str) -> CurrentSecrets:
    """Return the secrets of the settings, or those in the secret of this name."""
    if isinstance(secrets, CurrentSecrets):
        return secrets
    source = open_secret(secrets, partial(report_stale, secrets))
    return CurrentSecrets(source, f"WEBHOOK_SECRETS_NAME {secrets!r}")


def report_stale(secret: str, problem: str) -> None:
    """Log that the last secrets stay in use, because the secret of this name cannot be read."""
    message = f"The last secrets stay in use, because {secret} cannot be read. {problem}"
    log("WARNING", "webhook.secrets_stale", message)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Endpoint:
    """Responds to the requests of one deployment, whose variables are `environ`."""

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        open_: Callable[[Mapping[str, str]], Receiver] = open_receiver,
        bodies: BodyReader | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._environ = environ
        # Opened by the first request and not at import, because the host forks after import.
        # Requests share one receiver, because they share its limits.
        self._receiver = PerProcess(lambda: open_(environ))
        # Its thread starts with the first body, so after the fork.
        self._bodies = bodies or BodyReader()
        self._now = now

    def respond(self, request: Request) -> Response:
        """Publish one delivery, log the outcome and return the response. Raises nothing."""
        project = self._environ.get("GOOGLE_CLOUD_PROJECT", "")
        with tracing(trace_of_request(request.headers), project):
            return self._respond(request)

    def _respond(self, request: Request) -> Response:
        try:
            outcome = self._receive(request)
        except SettingsError as error:
            outcome = misconfigured(error)
        except BackendError as error:  # `_publish` handles those of Pub/Sub
            outcome = secrets_unreadable(error)
        except Exception as error:  # noqa: BLE001  # the edge: a bug must not lose the delivery
            outcome = crashed(error)
        # The host would read the rest of a refused body into memory, however large it is.
        request.stream = BytesIO()
        log(
            outcome.severity,
            f"webhook.{outcome.name}",
            outcome.message,
            status=outcome.status,
            webhook_id=_header(request, "X-Webhook-ID"),
            delivery_id=_header(request, "X-Delivery-ID"),
            **outcome.facts,
        )
        response = build_response(outcome)
        if outcome.status != 204:
            response.call_on_close(lambda: self._discard(request))
        return response

    def _receive(self, request: Request) -> Outcome:
        """Check the headers; only then reserve memory for the body and read it."""
        if request.method != "POST":
            return refused(405, "INFO", "method", f"{request.method[:20]} is not POST")
        receiver = self._receiver.get()
        length = _parse_length(request, receiver.settings.max_bytes)
        if isinstance(length, Outcome):
            return length
        delivery = admit(
            request.headers.get("X-Webhook-Signature"),
            request.headers.get("X-Webhook-ID"),
            secrets=receiver.secrets.get(),
            now=self._now(),
            allowed=receiver.settings.ids,
        )
        if isinstance(delivery, Refusal):
            return unverified(delivery, receiver.secrets.name)
        pause = receiver.pause.get()
        if pause is not None:
            return paused(pause)
        with receiver.budget.reserve(length) as reserved:
            if not reserved:
                busy = f"{length:,} bytes exceed the memory that this instance has left for bodies."
                return overloaded(busy)
            return self._read_and_publish(request, receiver, delivery, length)

    def _read_and_publish(
        self, request: Request, receiver: Receiver, admitted: UnverifiedDelivery, length: int
    ) -> Outcome:
        settings = receiver.settings
        body = self._bodies.read(request.stream, length, _connection(request))
        if isinstance(body, UnreadableBody):
            return unreadable(body)
        delivery = verify(admitted, body, secrets=receiver.secrets.get(), now=self._now())
        if isinstance(delivery, Refusal):
            return unverified(delivery, receiver.secrets.name)
        with receiver.decoding:
            event = decode_delivery(delivery.body)
        if isinstance(event, Rejection):
            return _reject(receiver, delivery, event, _header(request, "X-Delivery-ID"))
        message = build_message(
            delivery,
            event,
            api_host=settings.api_host,
            lanes=settings.lanes,
            trace=current_trace().new_span(),
        )
        failed = _publish(receiver, settings.topics.events, [message])
        facts = {"event_id": event.id, "event_type": event.type, "bytes": len(body)}
        return failed or Outcome(
            204, "accepted", "INFO", f"Accepted {event.type} {event.id}", facts=facts
        )

    def _discard(self, request: Request) -> None:
        self._bodies.discard(request.environ["wsgi.input"], _connection(request))


def entry_point(endpoint: Endpoint) -> Callable[[Request], Response]:
    """Return the function of an endpoint; the host accepts only plain functions."""

    def receive_webhook(request: Request) -> Response:
        """Publish one delivery of a webhook; respond after Pub/Sub's acknowledgement.

        204 published, as an event or on `rejected`; 400 an unreadable body or length; 401 missing
        or wrong signature, or unknown webhook; 405; 411; 413; 503 with Retry-After: the sender may
        retry, also while a person has paused the channel. Any bytes and headers give one of these.
        """
        return endpoint.respond(request)

    return receive_webhook


receive_webhook = entry_point(Endpoint(os.environ))


def _connection(request: Request) -> socket.socket | None:
    """Return the connection of a request, or None if the host does not provide it."""
    connection: socket.socket | None = request.environ.get("gunicorn.socket")
    return connection


def _parse_length(request: Request, limit: int) -> int | Outcome:
    """Parse the stated length of the body, in bytes. A chunked body states none."""
    stated = request.environ.get("CONTENT_LENGTH") or ""
    if not stated or "Transfer-Encoding" in request.headers:
        return refused(411, "WARNING", "no_length", "the request states no Content-Length")
    if not _LENGTH.fullmatch(stated):
        return refused(400, "WARNING", "bad_length", "Content-Length is not a number of bytes")
    digits = stated.lstrip("0") or "0"
    if len(digits) > len(str(limit)) or int(digits) > limit:
        return refused(413, "WARNING", "too_large", f"the body has more than {limit:,} bytes")
    return int(digits)


def _reject(
    receiver: Receiver, delivery: VerifiedDelivery, reason: Rejection, delivery_id: str
) -> Outcome:
    """Publish signed bytes that are no event to topic `rejected`."""
    settings = receiver.settings
    messages = rejected_messages(
        delivery.body,
        owner=reason.owner,
        code=reason.code,
        detail=reason.detail,
        context={
            "source": format_source(delivery, settings.api_host),
            "webhook-id": delivery.webhook_id,
            "delivery-id": delivery_id,
            **current_trace().new_span(),
        },
    )
    facts = {"reason": reason.owner, "code": reason.code, "bytes": len(delivery.body)}
    failed = _publish(receiver, settings.topics.rejected, messages)
    # After another status than 2xx VideoVector would retry, and then disable the webhook.
    message = f"Rejected, published to topic {settings.topics.rejected!r}: {reason.detail}"
    return failed or Outcome(204, "rejected", "ERROR", message, facts=facts)


def _publish(receiver: Receiver, topic: str, messages: Sequence[Message]) -> Outcome | None:
    """Publish messages. Returns the outcome if that fails, else None."""
    if not receiver.publish_slots.acquire(blocking=False):
        busy = f"{receiver.settings.max_deliveries} deliveries are being published already."
        return overloaded(busy)
    try:
        receiver.backend.topics.publish(topic, messages, timeout=receiver.settings.publish_seconds)
    except (BackendError, UnstorableError) as error:
        return unpublished(error)
    finally:
        receiver.publish_slots.release()
    return None


def _header(request: Request, name: str) -> str:
    """Return a header for the log, cleaned because anyone can have sent it."""
    return clean_text(request.headers.get(name, ""), limit=200)
