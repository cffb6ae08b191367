"""The edge that every subscriber function shares: a CloudEvent in, an acknowledgement out.

Returning acknowledges the message. Raising a 5xx has Pub/Sub deliver it again, and in the end
puts it on the dead letter topic. What no redelivery can mend is published to `rejected` and
acknowledged.
"""

import json
import os
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from cloudevents.http import CloudEvent
from flask import request
from werkzeug.exceptions import InternalServerError, ServiceUnavailable

from videovector_bridge.api import RetryPolicy, VideoVectorClient
from videovector_bridge.automate.automations import Automation, read_automations
from videovector_bridge.automate.effects import Effects
from videovector_bridge.automate.received import Received, receive
from videovector_bridge.backends import Backend, open_backend
from videovector_bridge.errors import PermanentError, SettingsError, TransientError
from videovector_bridge.messages import rejected_messages
from videovector_bridge.redact import redact
from videovector_bridge.settings import SubscriberSettings, subscriber_settings
from videovector_bridge.telemetry import log

_STRUCTURED: Final = "application/cloudevents+json"
_SHIPPED: Final = Path(__file__).resolve().parents[2] / "automations.toml"
_PUBLISH_SECONDS: Final = 20.0
_START_SECONDS: Final = 5.0  # from noting an event to sending its request: one write


@dataclass(frozen=True, slots=True)
class Context:
    """What a subscriber works with, made once per instance."""

    settings: SubscriberSettings
    backend: Backend
    api: VideoVectorClient
    effects: Effects
    automations: tuple[Automation, ...]


# One automation's effect for one event: True when it did something, False when it was done.
Act = Callable[[Context, Automation, Received], bool]


@cache
def _setup() -> Context:
    """Settings, automations and clients: at the first event, for the host forks after import."""
    settings = subscriber_settings(os.environ)
    file = Path(settings.automations_file or _SHIPPED)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"AUTOMATIONS_FILE {str(file)!r} cannot be read: {error}"]) from None
    backend = open_backend(settings.backend)
    # An attempt may take a timeout to connect, one to send and one to read its answer.
    seconds = settings.api.timeout_seconds
    effects = Effects(
        backend.documents,
        request_seconds=3 * seconds,
        left_seconds=seconds,
        start_seconds=_START_SECONDS,
    )
    return Context(
        settings,
        backend,
        VideoVectorClient(
            settings.api.base_url,
            settings.api.key.current,
            # Effects decide themselves when a request of unknown fate may be followed by another.
            retry=RetryPolicy(budget_seconds=seconds, retry_in_doubt=False),
            timeout_seconds=seconds,
        ),
        effects,
        read_automations(text, file.name),
    )


def serve(action: str, act: Act, cloud_event: CloudEvent) -> None:
    """Run every automation of `action` that applies to the event; see the module for the rest."""
    facts: dict[str, Any] = {"action": action, "event_id": cloud_event["id"]}
    try:
        _serve(_setup(), action, act, cloud_event, facts)
    except SettingsError as error:
        log(
            "CRITICAL",
            f"{action}.settings_wrong",
            f"Settings are wrong: {error}",
            problems=error.problems,
        )
        raise InternalServerError(redact(str(error))) from None
    except TransientError as error:
        log("WARNING", f"{action}.retry", f"To be delivered again: {error}", **facts)
        raise ServiceUnavailable(redact(str(error))) from None
    except Exception as error:  # noqa: BLE001  # the edge: a bug must not leak secrets in a trace
        message = f"Crashed: {type(error).__name__}: {error}"
        trace = redact(traceback.format_exc())
        log("CRITICAL", f"{action}.crashed", message, stack_trace=trace, **facts)
        raise InternalServerError(redact(message)) from None


def _serve(
    context: Context, action: str, act: Act, cloud_event: CloudEvent, facts: dict[str, Any]
) -> None:
    raw = b""
    try:
        raw = _data(context, cloud_event)
        received = _receive(raw, cloud_event)
    except PermanentError as error:
        _reject(context, raw, error, "", facts)
        return
    facts["event_type"] = received.fields["event_type"]
    for automation in context.automations:
        if automation.action != action:
            continue
        try:
            if not automation.applies_to(received.fields):
                continue
            did = act(context, automation, received)
        except PermanentError as error:
            _reject(context, raw, error, automation.name, facts)
            continue
        outcome = "done" if did else "done_before"
        log("INFO", f"{action}.{outcome}", f"{automation.name}: {outcome}", **facts)


def _data(context: Context, cloud_event: CloudEvent) -> bytes:
    """The event's data; fetched where the message only refers to it (claim check)."""
    data = request.get_data()
    if request.mimetype == _STRUCTURED:
        held = cloud_event.data
        data = held if isinstance(held, bytes) else json.dumps(held).encode()
    reference = cloud_event.get("dataref")
    if not reference or data not in (b"", b"null"):
        return data
    if context.backend.blobs is None:
        raise TransientError(
            f"The event's data is at {reference!r}, and there is no bucket to read it from. "
            f"Set CLAIM_BUCKET."
        )
    return context.backend.blobs.get(reference, timeout=_PUBLISH_SECONDS)


def _stated_time() -> str | None:
    """The event's `time`, if it was given: where it was not, the library makes one up."""
    if request.mimetype == _STRUCTURED:
        stated = json.loads(request.get_data()).get("time")
        return stated if isinstance(stated, str) else None
    return request.headers.get("ce-time")


def _receive(raw: bytes, cloud_event: CloudEvent) -> Received:
    return receive(
        raw,
        event_id=str(cloud_event["id"]),
        event_type=cloud_event["type"],
        channel=cloud_event.get("channel") or "stream",
        stated_time=_stated_time(),
    )


def _reject(
    context: Context, raw: bytes, error: PermanentError, automation: str, facts: Mapping[str, Any]
) -> None:
    action = facts["action"]
    messages = rejected_messages(
        raw,
        owner=error.owner,
        code=error.code,
        detail=str(error),
        context={"action": action, "automation": automation, "event-id": facts["event_id"]},
    )
    for message in messages:
        context.backend.topics.publish(
            context.settings.topics.rejected, [message], timeout=_PUBLISH_SECONDS
        )
    log(
        "ERROR",
        f"{action}.rejected",
        f"{automation or 'Event'} rejected: {error}",
        reason=error.owner,
        code=error.code,
        **facts,
    )
