"""Action `search`: run a saved search, and publish every new match.

A text search (`query`) or a filter search (`conditions`), in the playground. Each automation has a
record of each match, so that it publishes the match once.
"""

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

import orjson

from videovector_bridge.automate.action import (
    ONE_EVENT_SECONDS,
    Action,
    Cause,
    Field,
    TargetState,
    Values,
)
from videovector_bridge.automate.actions.announce import announce
from videovector_bridge.automate.actions.search_conditions import find_condition_warnings, is_whole
from videovector_bridge.automate.context import Context
from videovector_bridge.automate.effects.parts import PARTS_SECONDS, Part
from videovector_bridge.automate.effects.record import Version
from videovector_bridge.automate.effects.task import Task
from videovector_bridge.errors import PermanentError
from videovector_bridge.events import ENTITY_IDS

EVENT_TYPE: Final = "search.matched"

_TOP_K: Final = 30
_MOST_MATCHES: Final = 1_000
# These fields identify a match without an id.
_PLACE: Final = ("video_id", "segment_id", "start_time", "end_time")
_IDENTITY: Final = (*_PLACE, "result_type", "result_id")
# Messages have no pictures: consumers can request them by id.
_MAX_FIELD_BYTES: Final = 20_000
_MAX_MATCH_BYTES: Final = 1_000_000


def _compute_state(fields: Values, cause: Cause) -> TargetState:
    search = {name: value for name, value in fields.items() if value is not None}
    if "query" in fields:
        if not isinstance(fields["query"], str) or not fields["query"].strip():
            raise _bad_search_error("query", fields["query"])
        top_k = search.setdefault("top_k", _TOP_K)
        if not is_whole(top_k) or not 1 <= top_k <= 100:
            raise _bad_search_error("top_k", top_k)
    desired = {"search": search, "cause": cause.as_json()}
    return TargetState(f"search:{cause.key}", desired, ONE_EVENT_SECONDS)


def _bad_search_error(name: str, value: Any) -> PermanentError:
    return PermanentError(
        f"{name} is {str(value)[:50]!r} for this event, which cannot be searched for.",
        owner="user",
        code="bad_search",
    )


def _list_parts(context: Context, desired: Values) -> Iterator[Part]:
    """Run the search, and yield each match with its key."""
    automation = desired["cause"]["automation"]
    for match in islice(_run_search(context, desired["search"]), _MOST_MATCHES):
        key = match_key(automation, match)
        yield key, {**desired, "key": key, "match": match}


def _run_search(context: Context, search: Values) -> Iterable[Mapping[str, Any]]:
    if "query" in search:
        return context.api.playground_search(search["query"], search["top_k"], search.get("run_id"))
    return context.api.playground_filter_search(
        search["conditions"], run_ids=search.get("run_ids"), index_ids=search.get("index_ids")
    )


def _apply(context: Context, task: Task) -> None:
    """Publish a match once: every event has the same version of its record, so the first wins."""
    desired, key = task.desired, task.desired["key"]

    def publish(_task: Task) -> None:
        match = desired["match"]
        ids = {name: _text_or_none(match.get(name)) for name in ENTITY_IDS}
        payload = {"search": desired["search"], "match": trim_match(match)}
        announce(
            context,
            EVENT_TYPE,
            f"{EVENT_TYPE}:{key}",
            cause=desired["cause"],
            ids=ids,
            payload=payload,
        )

    context.effects.converge(f"match:{key}", Version("", key), {"match": key}, publish)


def match_key(automation: str, match: Mapping[str, Any]) -> str:
    """Return the key of a match, which differs between automations."""
    if (result_id := _scalar_or_none(match.get("result_id"))) is not None:
        place = [_scalar_or_none(match.get("result_type")), result_id]
    else:
        place = [_scalar_or_none(match.get(name)) for name in _PLACE]
    return hashlib.sha256(repr([automation, place]).encode()).hexdigest()[:40]


def _scalar_or_none(value: Any) -> Any:
    """Return a text that is not empty, or a number. None for any other value."""
    return value if isinstance(value, str | int | float) and value != "" else None


def trim_match(match: Mapping[str, Any]) -> dict[str, Any]:
    """Remove the fields that are too large or too deep for a message, such as pictures.

    If the match is still too large, keep only the fields that identify it.
    """
    small = {name: value for name, value in match.items() if _json_size(value) <= _MAX_FIELD_BYTES}
    if _json_size(small) <= _MAX_MATCH_BYTES:
        return small
    return {name: small[name] for name in _IDENTITY if name in small}


def _json_size(value: Any) -> float:
    """Return the bytes of a value as JSON; infinite if it is nested too deeply."""
    try:
        return len(orjson.dumps([[[[value]]]])) - 8  # at its depth in the event
    except orjson.JSONEncodeError:
        return math.inf


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


_CONDITION: Final = Field(
    "object",
    "a condition of a filter search",
    keys={
        "field": Field("text", "the extracted field to compare", required=True),
        "operator": Field("text", "the comparison, such as equals", required=True),
        "type": Field("text", "the type of the field, such as string", required=True),
        "value": Field("any", "the value to compare with; none for is_empty and is_not_empty"),
    },
    find_warnings=find_condition_warnings,
)

ACTION: Final = Action(
    name="search",
    entry_point="run_searches",
    fields={
        "query": Field("text", "the text to search for"),
        "top_k": Field("whole", "the number of best matches to use (30)", least=1, most=100),
        "run_id": Field("text", "the run whose results are searched (all runs)"),
        "conditions": Field(
            "list",
            "instead: 1 to 4 conditions of a filter search, {field, operator, type, value}",
            instead_of=frozenset({"query", "top_k", "run_id"}),
            least=1,
            most=4,
            items=_CONDITION,
        ),
        "run_ids": Field(
            "list",
            "with conditions: the runs to search (all)",
            instead_of=frozenset({"query"}),
            least=1,
            items=Field("text", "the id of a run", required=True),
        ),
        "index_ids": Field(
            "list",
            "with conditions: the indexes to search (all)",
            instead_of=frozenset({"query"}),
            least=1,
            items=Field("text", "the id of an index", required=True),
        ),
    },
    one_of=(("query",), ("conditions",)),
    target_kind="search",
    target_state=_compute_state,
    apply=_apply,
    parts=_list_parts,
    emits=EVENT_TYPE,
    lasts_seconds=PARTS_SECONDS,
)
