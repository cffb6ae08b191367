"""The HTTP handler of every subscriber function: it acknowledges a push request, or does not.

200 acknowledges the message. After 5xx Pub/Sub redelivers it, and finally forwards it to the
dead-letter topic. A message that fails on every redelivery is published to `rejected` and
acknowledged. A redriven event that is addressed to another action is acknowledged unread.
"""

import os
import time
import traceback
from collections.abc import Callable
from typing import Any

from flask import Request
from flask.typing import ResponseReturnValue

from videovector_bridge.automate.action import Action
from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.automate.context import Context
from videovector_bridge.automate.effects.record import ClaimHeldError
from videovector_bridge.automate.processing import process, reject_request
from videovector_bridge.automate.received import parse_message, parse_size
from videovector_bridge.automate.wiring import Instance, open_instance
from videovector_bridge.backends.per_process import PerProcess
from videovector_bridge.errors import PermanentError, SettingsError, TransientError
from videovector_bridge.events import REDRIVE_TO
from videovector_bridge.redact import redact
from videovector_bridge.telemetry import continue_trace, log, tracing
from videovector_bridge.trace import trace_of_message, trace_of_request

Handler = Callable[[Request], ResponseReturnValue]


def entry_points(instance: PerProcess[Instance] | None = None) -> dict[str, Handler]:
    """Return the functions that serve the actions, by the name that the host looks up.

    Each process opens `instance` once: at its first event and not at import, because the host
    forks after import. By default, the environment has the settings.
    """
    instance = instance or PerProcess(open_instance)
    return {action.entry_point: _entry_point(action, instance) for action in ACTIONS.values()}


def _entry_point(action: Action, instance: PerProcess[Instance]) -> Handler:
    def serve_action(request: Request) -> ResponseReturnValue:
        if request.method != "POST":
            return "Push a CloudEvent by POST.\n", 405, {"Allow": "POST"}
        addressee = request.headers.get(REDRIVE_TO, "")
        if addressee not in ("", action.name):
            _log_not_addressed(action.name, addressee, request)
            return "OK", 200
        return _serve(action, request, instance)

    # The host finds its target by this name.
    serve_action.__name__ = action.entry_point
    return serve_action


def _serve(action: Action, request: Request, instance: PerProcess[Instance]) -> ResponseReturnValue:
    """Handle one push request. Its log lines have the trace of the message, else of the request."""
    trace = trace_of_message(request.headers) or trace_of_request(request.headers)
    with tracing(trace, os.environ.get("GOOGLE_CLOUD_PROJECT", "")):
        return _respond(action, request, instance)


def _respond(
    action: Action, request: Request, instance: PerProcess[Instance]
) -> ResponseReturnValue:
    """Run the automations of `action` on the message of a push request."""
    name = action.name
    fields: dict[str, Any] = {"action": name}
    try:
        context, automations = instance.get()
        size = _bytes_to_reserve(context, request)
        with context.budget.reserve(size, context.limits.memory_wait) as reserved:
            if not reserved:
                raise TransientError(
                    "This instance handles other large events and has no memory for this one."
                )
            body = request.get_data()
            try:
                message = parse_message(dict(request.headers), body)
            except PermanentError as error:
                reject_request(context, action, body, error)
                return "OK", 200
            continue_trace(trace_of_message(message.attributes))  # in structured mode
            fields |= {"event_id": message.id, "source": message.source}
            process(context, automations, action, message)
    except SettingsError as error:
        text = f"Settings are wrong: {error}"
        log("CRITICAL", f"{name}.settings_wrong", text, problems=error.problems)
        return redact(str(error)), 500
    except TransientError as error:
        if isinstance(error, ClaimHeldError):
            time.sleep(instance.get().context.limits.claim_pause)
        log("WARNING", f"{name}.retry", f"The message is redelivered: {error}", **fields)
        return redact(str(error)), 503
    except Exception as error:  # noqa: BLE001  # a bug must not leak secrets in a traceback
        text = f"Crashed: {type(error).__name__}: {error}"
        trace = redact(traceback.format_exc())
        log("CRITICAL", f"{name}.crashed", text, stack_trace=trace, **fields)
        return redact(text), 500
    return "OK", 200


def _log_not_addressed(name: str, addressee: str, request: Request) -> None:
    """Log that the message is acknowledged unread: it was redriven to another function only."""
    log(
        "INFO",
        f"{name}.not_addressed",
        f"Acknowledged without an effect: the event is redriven to {addressee!r} only.",
        action=name,
        event_id=request.headers.get("ce-id", ""),
        source=request.headers.get("ce-source", ""),
        redrive_to=addressee,
    )


def _bytes_to_reserve(context: Context, request: Request) -> int:
    """Return the size of the event as the request states it, up to the largest that is allowed."""
    limit = context.settings.max_event_bytes
    sizes = [request.content_length]
    if request.headers.get("ce-dataref"):
        sizes.append(parse_size(request.headers.get("ce-datasize", "")))
    return min(limit, sum(limit if size is None else size for size in sizes))
