"""Action `search`: a saved search is run, and every match that is new is published.

A text search (`query`) or a filter search (`conditions`), in the playground. What was reported is
remembered by the automation's name, match by match, so that each is reported once.
"""

import hashlib
import time
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, Final

from videovector_bridge.automate.action import (
    ONE_EVENT_SECONDS,
    Action,
    Cause,
    Field,
    Values,
    Wanted,
)
from videovector_bridge.automate.announce import announce
from videovector_bridge.automate.context import Context
from videovector_bridge.automate.effects import Version
from videovector_bridge.errors import PermanentError, TransientError

EVENT_TYPE: Final = "search.matched"

_TOP_K: Final = 30
_MOST_MATCHES: Final = 1_000
_ALL_SECONDS: Final = 50.0
# What tells one match from another where VideoVector gives it no id.
_PLACE: Final = ("video_id", "segment_id", "start_time", "end_time")
_IDS: Final = ("run_id", "video_id", "segment_id", "index_id")
# Pictures inside a match are not passed on; whoever wants them has their ids.
_LONGEST_TEXT: Final = 20_000


def _wanted(fields: Values, cause: Cause) -> Wanted:
    search = {name: value for name, value in fields.items() if value is not None}
    if "query" in fields:
        if not isinstance(fields["query"], str) or not fields["query"].strip():
            raise _wrong("query", fields["query"])
        top_k = search.setdefault("top_k", _TOP_K)
        if not _whole(top_k, 1, 100):
            raise _wrong("top_k", top_k)
    desired = {"search": search, "cause": cause.record()}
    return Wanted(f"search:{cause.key}", desired, ONE_EVENT_SECONDS)


def _whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _wrong(name: str, value: Any) -> PermanentError:
    return PermanentError(
        f"{name} came out as {str(value)[:50]!r} for this event, so nothing can be searched for.",
        owner="user",
        code="bad_search",
    )


def _apply(context: Context, desired: Values) -> None:
    cause, until = desired["cause"], time.monotonic() + _ALL_SECONDS
    for match in islice(_matches(context, desired["search"]), _MOST_MATCHES):
        if time.monotonic() > until:
            raise TransientError(
                f"Not all matches of {cause['automation']!r} were looked at in time; the message "
                f"comes again for the others."
            )
        _report(context, match, desired)


def _matches(context: Context, search: Values) -> Iterable[Mapping[str, Any]]:
    if "query" in search:
        return context.api.playground_search(search["query"], search["top_k"], search.get("run_id"))
    return context.api.playground_filter_search(
        search["conditions"], run_ids=search.get("run_ids"), index_ids=search.get("index_ids")
    )


def _report(context: Context, match: Mapping[str, Any], desired: Values) -> None:
    """Publish a match once. Its record has one version for ever, so that the first event wins."""
    cause = desired["cause"]
    key = match_key(cause["automation"], match)

    def publish(_desired: Mapping[str, Any]) -> None:
        ids = {name: _text(match.get(name)) for name in _IDS}
        payload = {"search": desired["search"], "match": _passed_on(match)}
        announce(context, EVENT_TYPE, f"{EVENT_TYPE}:{key}", cause=cause, ids=ids, payload=payload)

    context.effects.converge(f"match:{key}", Version("", key), {"match": key}, publish)


def match_key(automation: str, match: Mapping[str, Any]) -> str:
    """What tells a match of one automation from all others."""
    if match.get("result_id"):
        place = [match.get("result_type"), match["result_id"]]
    else:
        place = [match.get(name) for name in _PLACE]
    return hashlib.sha256(repr([automation, place]).encode()).hexdigest()[:40]


def _passed_on(match: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in match.items()
        if not (isinstance(value, str) and len(value) > _LONGEST_TEXT)
    }


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


ACTION: Final = Action(
    name="search",
    entry_point="run_searches",
    fields={
        "query": Field("text", "the text that is searched for"),
        "top_k": Field(
            "whole", "how many of the best matches are looked at (30)", least=1, most=100
        ),
        "run_id": Field("text", "search only what this run made"),
        "conditions": Field(
            "list",
            "1 to 4 conditions of a filter search, instead: {field, operator, type, value}",
            instead_of=frozenset({"query", "top_k", "run_id"}),
            least=1,
            most=4,
        ),
        "run_ids": Field(
            "list", "only these runs, with conditions", instead_of=frozenset({"query"}), least=1
        ),
        "index_ids": Field(
            "list", "only these indexes, with conditions", instead_of=frozenset({"query"}), least=1
        ),
    },
    one_of=(("query",), ("conditions",)),
    wanted=_wanted,
    apply=_apply,
    emits=EVENT_TYPE,
    lasts_seconds=_ALL_SECONDS,
)
