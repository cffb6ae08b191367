"""Entry point `upsert_markers`: markers at VideoVector, as the newest event wants them."""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from cloudevents.http import CloudEvent

from videovector_bridge.automate.automations import Automation
from videovector_bridge.automate.received import Received
from videovector_bridge.automate.subscriber import Context, serve
from videovector_bridge.errors import PermanentError

ACTION: Final = "upsert_marker"
# Far above any colour and note; below what a document may hold.
MAX_BODY_BYTES: Final = 100_000


def upsert_markers(cloud_event: CloudEvent) -> None:
    """Upsert the markers that the automations want for this event."""
    serve(ACTION, _upsert, cloud_event)


def _upsert(context: Context, automation: Automation, received: Received) -> bool:
    body, target = marker(automation.render(received.fields))
    return context.effects.converge(
        target, received.version, {"marker": body}, lambda desired: _write(context, desired)
    )


def _write(context: Context, desired: Mapping[str, Any]) -> None:
    context.api.upsert_marker(desired["marker"])


def marker(fields: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """The body of `PUT /markers` for an action's rendered fields, and the name of its target.

    Raises `PermanentError` when the target is not clear.
    """
    body = fields.get("body")
    if body is None:
        keys = ("target_type", "target_id", "field_path", "color", "note")
        body = {key: fields[key] for key in keys if fields.get(key) is not None}
    target = fields.get("target") or _target_of(body)
    if not target:
        raise PermanentError(
            "The marker has no target: target_type and target_id came out empty for this event "
            "(with a body of other keys, give `target`).",
            owner="user",
            code="no_target",
        )
    size = len(orjson.dumps(body))
    if size > MAX_BODY_BYTES:
        raise PermanentError(
            f"The marker for {str(target)[:100]!r} has {size:,} bytes; at most "
            f"{MAX_BODY_BYTES:,} are sent.",
            owner="user",
            code="marker_too_large",
        )
    return dict(body), f"marker:{target}"


def _target_of(body: Mapping[str, Any]) -> str:
    kind, target_id, path = (body.get(k) for k in ("target_type", "target_id", "field_path"))
    if kind in (None, "") or target_id in (None, ""):
        return ""
    # Colons in the parts are escaped, so that different targets never share a name.
    parts = (kind, target_id) if path in (None, "") else (kind, target_id, path)
    return ":".join(str(part).replace("%", "%25").replace(":", "%3A") for part in parts)
