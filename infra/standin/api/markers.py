"""The marker endpoints."""

from collections.abc import Mapping
from typing import Any

from infra.standin.errors import invalid
from infra.standin.http.requests import ApiRequest
from infra.standin.http.responses import NO_CONTENT, Response, json_response
from infra.standin.library.markers import Target
from infra.standin.state import StandInState

_TARGET_TYPES = ("prompt", "run", "field")
_MAX_ID = 512
_MAX_COLOR = 64
_MAX_NOTE = 10_000


def list_markers(state: StandInState, _request: ApiRequest) -> Response:
    """GET /markers: a bare array."""
    return json_response([marker.json() for marker in state.markers.all()])


def put_marker(state: StandInState, request: ApiRequest) -> Response:
    """PUT /markers."""
    target, color, note = _parse_marker(request.json_object())
    return json_response(state.markers.put(target, color, note, state.next_timestamp()).json())


def delete_marker(state: StandInState, request: ApiRequest) -> Response:
    """DELETE /markers/{marker_id}."""
    state.markers.delete(request.path["marker_id"])
    return NO_CONTENT


def _parse_marker(body: Mapping[str, Any]) -> tuple[Target, str | None, str | None]:
    target_type = body.get("target_type")
    if target_type not in _TARGET_TYPES:
        raise invalid(f"target_type is one of {', '.join(_TARGET_TYPES)}", "target_type")
    target_id = _parse_text(body, "target_id", _MAX_ID)
    if not target_id:
        raise invalid("target_id is required", "target_id")
    field_path = _parse_text(body, "field_path", _MAX_ID)
    color = _parse_text(body, "color", _MAX_COLOR)
    return (target_type, target_id, field_path), color, _parse_text(body, "note", _MAX_NOTE)


def _parse_text(body: Mapping[str, Any], name: str, max_length: int) -> str | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise invalid(f"{name} is a string", name)
    if len(value) > max_length:
        raise invalid(f"{name} has at most {max_length} characters", name)
    return value
