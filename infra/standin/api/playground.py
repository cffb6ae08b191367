"""The playground: its videos, text search and filter search."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from infra.standin.api.conditions import parse_conditions
from infra.standin.api.pages import paginate
from infra.standin.api.views import Views
from infra.standin.errors import invalid
from infra.standin.http.requests import ApiRequest
from infra.standin.http.responses import Response, json_response
from infra.standin.library.catalog import Segment, Video
from infra.standin.state import StandInState

_MAX_PAGE = 100
_MAX_TOP_K = 100
_WORD = re.compile(r"\w+")


def list_videos(state: StandInState, request: ApiRequest) -> Response:
    """GET /playground/videos."""
    limit = request.integer("limit", 50, lowest=1, highest=_MAX_PAGE)
    views = Views(state.records, state.markers)
    videos = [views.video(video) for video in state.library.playground()]
    return json_response(paginate(videos, limit, request.query.get("cursor")).paginated())


def search_text(state: StandInState, request: ApiRequest) -> Response:
    """POST /playground/search: segments ranked by the share of query words in their text."""
    body = request.json_object()
    query = body.get("query")
    if not isinstance(query, str) or not query.strip():
        raise invalid("query is required", "query")
    top_k = _parse_integer(body, "top_k", 30, _MAX_TOP_K)
    run_id = request.query.get("run_id")
    words = set(_WORD.findall(query.lower()))
    scored = [
        (len(words & set(_WORD.findall(segment.text))) / max(1, len(words)), video, segment)
        for video, segment in _find_segments(state, {run_id} if run_id else None, None)
    ]
    hits = sorted((hit for hit in scored if hit[0] > 0), key=lambda hit: -hit[0])[:top_k]
    views = Views(state.records, state.markers)
    return json_response(
        [views.search_result(video, segment, round(score, 4)) for score, video, segment in hits]
    )


def search_by_filter(state: StandInState, request: ApiRequest) -> Response:
    """POST /search/filter/playground, in either of its two documented page styles."""
    body = request.json_object()
    matches = parse_conditions(body.get("conditions"))
    page_size = _parse_integer(body, "page_size", 50, _MAX_PAGE)
    cursor = body.get("cursor")
    if cursor is not None and not isinstance(cursor, str):
        raise invalid("cursor is a string", "cursor")
    run_ids, index_ids = _parse_ids(body, "run_ids"), _parse_ids(body, "index_ids")
    views = Views(state.records, state.markers)
    results = [
        views.search_result(video, segment, None)
        for video, segment in _find_segments(state, run_ids, index_ids)
        if matches(segment.metadata)
    ]
    page = paginate(results, page_size, cursor)
    style = next(state.filter_styles)
    return json_response(page.token_style() if style == "results" else page.paginated())


def _find_segments(
    state: StandInState, run_ids: set[str] | None, index_ids: set[str] | None
) -> Iterator[tuple[Video, Segment]]:
    videos = (
        state.library.playground()
        if index_ids is None
        else [video for index_id in sorted(index_ids) for video in state.library.indexed(index_id)]
    )
    for video in videos:
        runs = {run.run_id for run, _ in state.records.runs_of(video.video_id)}
        if run_ids is None or runs & run_ids:
            for segment in video.segments:
                yield video, segment


def _parse_integer(body: Mapping[str, Any], name: str, default: int, highest: int) -> int:
    value = body.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= highest:
        raise invalid(f"{name} is a whole number between 1 and {highest}", name)
    return value


def _parse_ids(body: Mapping[str, Any], name: str) -> set[str] | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise invalid(f"{name} is a list of strings", name)
    return set(value) or None
