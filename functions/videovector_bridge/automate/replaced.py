"""Recognize an event that comes late, after `reconcile` published another in its place.

A target with many events takes the newest, and the late event is older. But a target that belongs
to one event has its name: the late event takes the name of its replacement, whose effect is done.
"""

from videovector_bridge.automate.effects.record import Version
from videovector_bridge.automate.received import ReceivedEvent
from videovector_bridge.backends.ports import Documents, Timeout
from videovector_bridge.events import id_text, parse_time
from videovector_bridge.work import FINISHED, STEPS, find_work


def find_replacement(
    documents: Documents, received: ReceivedEvent, *, api_host: str, timeout: Timeout
) -> Version | None:
    """Return the identity of the event that replaced this one; None if there is none.

    Reads one document, and only for an event that ends a run or a video. Raises `BackendError`.
    """
    fields = received.fields
    event_type = fields["event_type"]
    step = STEPS.get(event_type)
    if step is None or step.result is None:
        return None
    work = find_work(event_type, id_text(fields.get("run_id")), id_text(fields.get("video_id")))
    document = documents.read(FINISHED, work.key, timeout=timeout) if work else None
    reconciled = document.fields.get("reconciled") if document else None
    replacement = reconciled.get(event_type) if isinstance(reconciled, dict) else None
    if not isinstance(replacement, dict):
        return None
    event_id, replaced_at = replacement.get("id"), parse_time(replacement.get("at"))
    created_at = parse_time(received.version.created_at)
    if not isinstance(event_id, str) or replaced_at is None or created_at is None:
        return None
    if created_at > replaced_at:
        return None  # the end of a later attempt of the same work
    return Version(received.version.created_at, event_id, f"//{api_host}/processing/events")
