"""The playground: its videos, text search and filter search."""

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from infra.standin.api.conditions import parse_conditions
from infra.standin.api.pages import page_of
from infra.standin.errors import invalid
from infra.standin.http.responses import Answer, Call, json_answer
from infra.standin.library.catalog import Segment, Video

if TYPE_CHECKING:
    from infra.standin.state import World

_MAX_PAGE = 100
_MAX_TOP_K = 100
_WORD = re.compile(r"\w+")


def videos(world: "World", call: Call) -> Answer:
    """GET /playground/videos."""
    limit = call.integer("limit", 50, lowest=1, highest=_MAX_PAGE)
    found = [world.views.video(video) for video in world.library.playground()]
    return json_answer(page_of(found, limit, call.query.get("cursor")).paginated())


def search(world: "World", call: Call) -> Answer:
    """POST /playground/search: segments by the share of the query's words in their text."""
    body = _object(call)
    query = body.get("query")
    if not isinstance(query, str) or not query.strip():
        raise invalid("query is required", "query")
    top_k = _whole(body, "top_k", 30, _MAX_TOP_K)
    run_id = call.query.get("run_id")
    words = set(_WORD.findall(query.lower()))
    scored = [
        (len(words & set(_WORD.findall(segment.text))) / max(1, len(words)), video, segment)
        for video, segment in _segments(world, {run_id} if run_id else None, None)
    ]
    hits = sorted((hit for hit in scored if hit[0] > 0), key=lambda hit: -hit[0])[:top_k]
    return json_answer(
        [
            world.views.search_result(video, segment, round(score, 4))
            for score, video, segment in hits
        ]
    )


def filter_search(world: "World", call: Call) -> Answer:
    """POST /search/filter/playground, in either of its two documented styles."""
    body = _object(call)
    meets = parse_conditions(body.get("conditions"))
    size = _whole(body, "page_size", 50, _MAX_PAGE)
    cursor = body.get("cursor")
    if cursor is not None and not isinstance(cursor, str):
        raise invalid("cursor is a string", "cursor")
    wanted = _segments(world, _ids(body, "run_ids"), _ids(body, "index_ids"))
    found = [
        world.views.search_result(video, segment, None)
        for video, segment in wanted
        if meets(segment.metadata)
    ]
    page = page_of(found, size, cursor)
    style = next(world.filter_styles)
    return json_answer(page.token_style() if style == "results" else page.paginated())


def styles(chosen: str) -> Iterator[str]:
    """The styles that filter searches answer in, one after the other."""
    return itertools.cycle(("results", "pagination") if chosen == "rotate" else (chosen,))


def _segments(
    world: "World", run_ids: set[str] | None, index_ids: set[str] | None
) -> Iterator[tuple[Video, Segment]]:
    chosen = (
        world.library.playground()
        if index_ids is None
        else [video for index_id in sorted(index_ids) for video in world.library.indexed(index_id)]
    )
    for video in chosen:
        runs = {run.run_id for run, _ in world.records.runs_of(video.video_id)}
        if run_ids is None or runs & run_ids:
            for segment in video.segments:
                yield video, segment


def _object(call: Call) -> Mapping[str, Any]:
    body = call.json()
    if not isinstance(body, dict):
        raise invalid("The body is a JSON object")
    return body


def _whole(body: Mapping[str, Any], name: str, default: int, highest: int) -> int:
    value = body.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= highest:
        raise invalid(f"{name} is a whole number between 1 and {highest}", name)
    return value


def _ids(body: Mapping[str, Any], name: str) -> set[str] | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise invalid(f"{name} is a list of strings", name)
    return set(value) or None
