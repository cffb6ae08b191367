"""The marker endpoints."""

from infra.standin.http.requests import ApiRequest
from infra.standin.http.responses import NO_CONTENT, Response, json_response
from infra.standin.state import StandInState


def list_markers(state: StandInState, _request: ApiRequest) -> Response:
    """GET /markers: a bare array."""
    return json_response([marker.json() for marker in state.markers.all()])


def put_marker(state: StandInState, request: ApiRequest) -> Response:
    """PUT /markers."""
    return json_response(state.markers.put(request.json(), state.next_timestamp()).json())


def delete_marker(state: StandInState, request: ApiRequest) -> Response:
    """DELETE /markers/{marker_id}."""
    state.markers.delete(request.path["marker_id"])
    return NO_CONTENT
