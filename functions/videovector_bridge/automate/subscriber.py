"""The edge that every subscriber function shares: a CloudEvent in, an acknowledgement out.

Returning acknowledges the message. Raising a 5xx has Pub/Sub deliver it again, and in the end
puts it on the dead letter topic. What no redelivery can mend is published to `rejected` and
acknowledged.
"""

import json
import os
import traceback
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cloudevents.http import CloudEvent
from flask import request
from werkzeug.exceptions import InternalServerError, ServiceUnavailable

from videovector_bridge.api import RetryPolicy, VideoVectorClient
from videovector_bridge.automate.action import Action
from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.automate.automations import Automation, read_automations
from videovector_bridge.automate.context import Context
from videovector_bridge.automate.effects import Effects
from videovector_bridge.automate.plan import Planned, plan
from videovector_bridge.automate.received import Received, receive
from videovector_bridge.backends import open_backend
from videovector_bridge.backends.per_process import PerProcess
from videovector_bridge.errors import PermanentError, SettingsError, TransientError
from videovector_bridge.messages import rejected_messages
from videovector_bridge.redact import redact
from videovector_bridge.settings import subscriber_settings
from videovector_bridge.telemetry import log

if TYPE_CHECKING:
    from videovector_bridge.backends.signing import V4Signer

_STRUCTURED: Final = "application/cloudevents+json"
_SHIPPED: Final = Path(__file__).resolve().parents[2] / "automations.toml"
_PUBLISH_SECONDS: Final = 20.0
_START_SECONDS: Final = 5.0  # from noting an event to sending its request: one write


def entry_points() -> dict[str, Callable[[CloudEvent], None]]:
    """The functions that serve the actions, by the name that the host looks up."""
    return {action.entry_point: _entry_point(action) for action in ACTIONS.values()}


def _entry_point(action: Action) -> Callable[[CloudEvent], None]:
    def serve_action(cloud_event: CloudEvent) -> None:
        serve(action, cloud_event)

    # The host finds its target by this name.
    serve_action.__name__ = action.entry_point
    return serve_action


def _open() -> tuple[Context, tuple[Automation, ...]]:
    """Settings, automations and clients."""
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
    context = Context(
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
        cache(partial(_open_signer, settings.signing_account)),
    )
    return context, read_automations(text, file.name)


# At the first event and not at import, for the host forks after import; and once though several
# events are the first, for they share their lookups.
_instance = PerProcess(_open)


def _open_signer(account: str) -> "V4Signer":
    from videovector_bridge.backends.signing import V4Signer  # noqa: PLC0415 - few need it: 200 ms

    return V4Signer(account)


def serve(action: Action, cloud_event: CloudEvent) -> None:
    """Run every automation of `action` that applies to the event; see the module for the rest."""
    name = action.name
    facts: dict[str, Any] = {"action": name, "event_id": cloud_event["id"]}
    try:
        context, automations = _instance.get()
        _serve(context, automations, action, cloud_event, facts)
    except SettingsError as error:
        log(
            "CRITICAL",
            f"{name}.settings_wrong",
            f"Settings are wrong: {error}",
            problems=error.problems,
        )
        raise InternalServerError(redact(str(error))) from None
    except TransientError as error:
        log("WARNING", f"{name}.retry", f"To be delivered again: {error}", **facts)
        raise ServiceUnavailable(redact(str(error))) from None
    except Exception as error:  # noqa: BLE001  # the edge: a bug must not leak secrets in a trace
        message = f"Crashed: {type(error).__name__}: {error}"
        trace = redact(traceback.format_exc())
        log("CRITICAL", f"{name}.crashed", message, stack_trace=trace, **facts)
        raise InternalServerError(redact(message)) from None


def _serve(
    context: Context,
    automations: tuple[Automation, ...],
    action: Action,
    cloud_event: CloudEvent,
    facts: dict[str, Any],
) -> None:
    raw = b""
    try:
        raw = _data(context, cloud_event, facts)
        _check_size(context, len(raw))
        received = _receive(raw, cloud_event)
    except PermanentError as error:
        _reject(context, raw, error, "", facts)
        return
    facts["event_type"] = received.fields["event_type"]
    for planned in plan(automations, received):
        if planned.automation.action != action.name:
            continue
        name = planned.automation.name
        try:
            outcome = _carry_out(context, action, planned, received)
        except PermanentError as error:
            _reject(context, raw, error, name, facts)
            continue
        if outcome:
            log("INFO", f"{action.name}.{outcome}", f"{name}: {outcome}", **facts)


def _carry_out(context: Context, action: Action, planned: Planned, received: Received) -> str:
    """Do what is planned; in a word what came of it, empty where there was nothing to do."""
    if planned.rejection is not None:
        raise planned.rejection
    if planned.wanted is None or planned.overruled_by:
        return ""
    did = context.effects.converge(
        planned.wanted.target,
        received.version,
        planned.wanted.desired,
        partial(action.apply, context),
        lasts_seconds=action.lasts_seconds,
        keep_seconds=planned.wanted.keep_seconds,
    )
    return "done" if did else "done_before"


def _data(context: Context, cloud_event: CloudEvent, facts: dict[str, Any]) -> bytes:
    """The event's data; fetched where the message only refers to it (claim check).

    Then `facts` tell where the data is. What is known to be too large is not fetched.
    """
    data = request.get_data()
    if request.mimetype == _STRUCTURED:
        held = cloud_event.data
        data = held if isinstance(held, bytes) else json.dumps(held).encode()
    reference = cloud_event.get("dataref")
    if not reference or data not in (b"", b"null"):
        return data
    facts["dataref"] = reference
    size = str(cloud_event.get("datasize"))
    _check_size(context, int(size) if size.isdecimal() else 0)
    if context.backend.blobs is None:
        raise TransientError(
            f"The event's data is at {reference!r}, and there is no bucket to read it from. "
            f"Set CLAIM_BUCKET."
        )
    return context.backend.blobs.get(reference, timeout=_PUBLISH_SECONDS)


def _check_size(context: Context, size: int) -> None:
    """Refuse an event that would take more memory to read than the instance may have."""
    limit = context.settings.max_event_bytes
    if size > limit:
        raise PermanentError(
            f"The event has {size:,} bytes, more than MAX_EVENT_BYTES ({limit:,}). To act on such "
            f"events, raise it, and the memory of the function by 40 times as much.",
            owner="user",
            code="too_large",
        )


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
        context={
            "action": action,
            "automation": automation,
            "event-id": facts["event_id"],
            "dataref": facts.get("dataref", ""),
        },
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
