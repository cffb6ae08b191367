"""Run all automations of an action on one message. Each automation has its own outcome."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

from videovector_bridge.automate.action import Action
from videovector_bridge.automate.context import Context
from videovector_bridge.automate.effects.parts import apply_parts, join_failures
from videovector_bridge.automate.effects.task import ApplyResult, Outcome, Task
from videovector_bridge.automate.metering import Costs, metered
from videovector_bridge.automate.plan import Automation, AutomationPlan, plan
from videovector_bridge.automate.received import IncomingMessage, ReceivedEvent, parse_event
from videovector_bridge.automate.replaced import find_replacement
from videovector_bridge.errors import PermanentError, TransientError
from videovector_bridge.messages import rejected_messages
from videovector_bridge.telemetry import current_trace, log
from videovector_bridge.trace import trace_of_message


@dataclass(slots=True)
class _Delivery:
    """One message, with the values that logs and rejected messages need."""

    context: Context
    action: Action
    message: IncomingMessage
    data: bytes = b""
    event_type: str = ""
    failures: list[Exception] = field(default_factory=list)


def process(
    context: Context,
    automations: Sequence[Automation],
    action: Action,
    message: IncomingMessage,
) -> None:
    """Run every automation of `action` that applies to the event of the message.

    Publishes permanent failures to `rejected`. Raises `TransientError`, after all automations, if
    one of them needs a redelivery.
    """
    delivery = _Delivery(context, action, message)
    try:
        received = _receive(delivery)
    except PermanentError as error:
        _reject(delivery, "", error)
        return
    planned = plan(automations, received, target_kind=action.target_kind)
    for automation_plan in planned:
        if automation_plan.automation.action == action.name:
            _run(delivery, automation_plan, received)
    if delivery.failures:
        raise join_failures(delivery.failures, "automations")


def reject_request(context: Context, action: Action, body: bytes, error: PermanentError) -> None:
    """Publish the body of a request that is not a CloudEvent to `rejected`."""
    message = IncomingMessage("", "", "", "", "", body, {})
    _reject(_Delivery(context, action, message, body), "", error)


def _receive(delivery: _Delivery) -> ReceivedEvent:
    """Parse the event of the message, and fetch its data from the claim bucket if it is there.

    Does not fetch data whose stated size is too large.
    """
    context, message = delivery.context, delivery.message
    delivery.data = message.data
    _check_size(context, message.data_size)
    if message.data_ref:
        if context.backend.blobs is None:
            raise TransientError(
                f"The event's data is at {message.data_ref!r}, and no bucket for claim checks is "
                f"configured. Set CLAIM_BUCKET."
            )
        delivery.data = context.backend.blobs.get(message.data_ref, timeout=context.limits.publish)
        _check_size(context, len(delivery.data))
    received = parse_event(
        delivery.data,
        event_id=message.id,
        source=message.source,
        event_type=message.type,
        channel=message.channel,
        stated_time=message.time,
        now=context.now(),
    )
    delivery.event_type = received.fields["event_type"]
    return received


def _check_size(context: Context, size: int) -> None:
    """Raise `PermanentError` for an event that needs more memory than an instance has."""
    limit = context.settings.max_event_bytes
    if size > limit:
        raise PermanentError(
            f"The event has {size:,} bytes, more than MAX_EVENT_BYTES ({limit:,}). To act on such "
            f"events, raise this limit, and the function's memory by 40 times the difference.",
            owner="user",
            code="too_large",
        )


def _run(delivery: _Delivery, planned: AutomationPlan, received: ReceivedEvent) -> None:
    """Run one automation. Appends an error that needs a redelivery to `failures`."""
    name = planned.automation.name
    try:
        with metered() as costs:
            try:
                outcome = _converge(delivery, planned, received)
            except PermanentError as error:
                _reject(delivery, name, error)
                return
    except Exception as error:  # noqa: BLE001  # a bug in one automation stops no other
        delivery.failures.append(error)
        return
    if outcome is not None and outcome != "refused":
        _log_outcome(delivery, name, outcome, costs)


def _converge(
    delivery: _Delivery, planned: AutomationPlan, received: ReceivedEvent
) -> Outcome | None:
    """Bring the target to its state. Returns None if the automation has no effect on the event."""
    if planned.rejection is not None:
        raise planned.rejection
    if planned.outcome != "effect" or planned.state is None:
        return None
    if delivery.action.parts is not None:  # its targets belong to one event
        planned = _identify(delivery, planned, received)
    assert planned.state is not None
    name = planned.automation.name
    return delivery.context.effects.converge(
        planned.state.target,
        received.version,
        planned.state.desired,
        partial(_apply, delivery, name),
        report=partial(_reject, delivery, name),
        lasts_seconds=delivery.action.lasts_seconds,
        keep_seconds=planned.state.keep_seconds,
    )


def _identify(
    delivery: _Delivery, planned: AutomationPlan, received: ReceivedEvent
) -> AutomationPlan:
    """Return the plan of the event, or that of the event which was published in its place."""
    context = delivery.context
    replacement = find_replacement(
        context.backend.documents,
        received,
        api_host=context.settings.api.host,
        timeout=context.limits.publish,
    )
    if replacement is None:
        return planned
    (replanned,) = plan([planned.automation], replace(received, replacement=replacement))
    return replanned


def _apply(delivery: _Delivery, automation: str, task: Task) -> ApplyResult | None:
    action, context = delivery.action, delivery.context
    parts = action.parts(context, task.desired) if action.parts else None
    if parts is None:
        return action.apply(context, task)

    def report(error: PermanentError, key: str) -> None:
        _reject(delivery, automation, error, part=key)

    apply_parts(
        parts,
        lambda desired: action.apply(context, Task(desired)),
        report,
        task.progress,
        seconds=context.limits.parts,
    )
    return None


def _log_outcome(delivery: _Delivery, automation: str, outcome: Outcome, costs: Costs) -> None:
    log(
        "INFO",
        f"{delivery.action.name}.{outcome}",
        f"{automation}: {outcome}",
        automation=automation,
        **asdict(costs),
        **_log_fields(delivery),
    )


def _reject(delivery: _Delivery, automation: str, error: PermanentError, part: str = "") -> None:
    """Publish the event to `rejected` with the reason.

    The message keeps its CloudEvents attributes, so that a redrive repeats the attempt, in the
    same trace and span.
    """
    attributes = delivery.message.attributes
    messages = rejected_messages(
        delivery.data,
        owner=error.owner,
        code=error.code,
        detail=str(error),
        context={
            **{name: value for name, value in attributes.items() if name.startswith("ce-")},
            **_trace_attributes(delivery.message),
            "action": delivery.action.name,
            "automation": automation,
            "event-id": delivery.message.id,
            "dataref": delivery.message.data_ref,
            "target-part": part,
        },
    )
    context = delivery.context
    topic, timeout = context.settings.topics.rejected, context.limits.publish
    for message in messages:
        context.backend.topics.publish(topic, [message], timeout=timeout)
    log(
        "ERROR",
        f"{delivery.action.name}.rejected",
        f"{automation or 'Event'} rejected: {error}",
        reason=error.owner,
        code=error.code,
        automation=automation,
        **_log_fields(delivery, part),
    )


def _trace_attributes(message: IncomingMessage) -> dict[str, str]:
    """Return the trace and span of the event; without them, a new span of the request's trace."""
    own = trace_of_message(message.attributes)
    return own.attributes if own is not None else current_trace().new_span()


def _log_fields(delivery: _Delivery, part: str = "") -> dict[str, Any]:
    """Return the fields of every log line about the message."""
    fields = {
        "action": delivery.action.name,
        "event_id": delivery.message.id,
        "source": delivery.message.source,
        "event_type": delivery.event_type,
        "dataref": delivery.message.data_ref,
        "part": part,
    }
    return {name: value for name, value in fields.items() if value}
