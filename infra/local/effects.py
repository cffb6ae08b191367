"""Whether the effects that a run must have are there: on topics, at the API, in the cloud."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from infra.local.expected import Wish
from infra.local.progress import Progress
from infra.local.truth import Truth
from videovector_bridge.automate.actions.search import match_key
from videovector_bridge.automate.snapshot import snapshot
from videovector_bridge.events import parse_time

KINDS: Final = (
    "markers",
    "markers_deleted",
    "signed_urls",
    "previews",
    "snapshots",
    "matches",
)
_MARKER_ACTIONS: Final = ("upsert_marker", "delete_marker")
# What stands in a document until the next event about its video, whatever happens at the API.
_LASTING: Final = ("video_id", "found", "title", "video_uri", "media_type", "segments")


@dataclass(frozen=True, slots=True)
class Effects:
    """Effects found and wanted by kind, and how long they took after their event (milliseconds).

    `missing` describes the wanted ones that are not there. `red_no_more` counts the markers that
    older events wanted red, and that are what the newest wants instead.
    """

    found: Counter[str] = field(default_factory=Counter)
    wanted: Counter[str] = field(default_factory=Counter)
    milliseconds: tuple[float, ...] = ()
    missing: tuple[str, ...] = ()
    red_no_more: int = 0


class Check(NamedTuple):
    """One thing that must be there. `at` is when it came about, where that is known."""

    kind: str
    what: str
    right: bool
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look compares with: the topics, the markers (None: not readable), and the truth."""

    progress: Progress
    markers: Mapping[tuple[Any, ...], Mapping[str, Any]] | None
    truth: Truth


def markers_by_target(
    markers: Iterable[Mapping[str, Any]] | None,
) -> dict[tuple[Any, ...], Mapping[str, Any]] | None:
    """The API's markers by what they are on."""
    return None if markers is None else {_target(each): each for each in markers}


# The wish of a target that was found fulfilled, and its checks: not looked at again.
Settled = tuple[Wish, tuple[Check, ...]]


def effects_found(
    wishes: Mapping[str, Wish], seen: Seen, settled: dict[str, Settled] | None = None
) -> Effects:
    """Compare what is there with what is wished for; `settled` is kept from look to look."""
    settled = {} if settled is None else settled
    found: Counter[str] = Counter()
    wanted: Counter[str] = Counter()
    milliseconds: list[float] = []
    missing: list[str] = []
    named: set[str] = set()
    red_no_more = 0
    for target, wish in wishes.items():
        for check in _checks(target, wish, seen, settled):
            if check.what in named:
                continue  # a match that several searches have found
            named.add(check.what)
            wanted[check.kind] += 1
            if not check.right:
                missing.append(f"{check.what} after event {wish.event_id}")
                continue
            found[check.kind] += 1
            red_no_more += wish.red_before
            if check.at is not None:
                took = check.at - seen.progress.first_seen[wish.event_id]
                milliseconds.append(took.total_seconds() * 1_000)
    return Effects(found, wanted, tuple(milliseconds), tuple(missing), red_no_more)


def _checks(target: str, wish: Wish, seen: Seen, settled: dict[str, Settled]) -> tuple[Check, ...]:
    known = settled.get(target)
    if known is not None and known[0] == wish:
        return known[1]
    checks = tuple(_CHECKS[wish.action](target, wish, seen))
    # Markers cost nothing to look at, and may change again.
    if wish.action not in _MARKER_ACTIONS and all(check.right for check in checks):
        settled[target] = (wish, checks)
    return checks


def _marker(target: str, wish: Wish, seen: Seen) -> Iterator[Check]:
    if seen.markers is None:
        return
    if "absent" in wish.desired:
        absent = wish.desired["absent"]
        # Told as the action tells which to delete: by whatever keys the automation gives.
        shown = absent.get("match") or {"marker_id": absent.get("marker_id")}
        gone = not any(
            all(marker.get(name) == value for name, value in shown.items())
            for marker in seen.markers.values()
        )
        yield Check("markers_deleted", f"no {target}", gone)
        return
    body = wish.desired["marker"]
    there = seen.markers.get(_target(body)) or {}
    right = bool(there) and all(there.get(name) == body.get(name) for name in ("color", "note"))
    yield Check("markers", target, right, parse_time(there.get("updated_at")))


def _target(marker: Mapping[str, Any]) -> tuple[Any, ...]:
    return marker.get("target_type"), marker.get("target_id"), marker.get("field_path")


def _urls(_target: str, wish: Wish, seen: Seen) -> Iterator[Check]:
    cause = wish.desired["cause"]
    keys = [cause["key"]]
    if "segments" in wish.desired:
        segments = seen.truth.segments(cause["video_id"], cause["run_id"])
        keys = [f"{cause['key']}:{segment_id}" for segment_id in segments]
    for key in keys:
        at = seen.progress.urls.get(key)
        yield Check("signed_urls", f"signed URL {key}", at is not None, at)


def _preview(target: str, wish: Wish, seen: Seen) -> Iterator[Check]:
    event_id = f"media.preview_stored:{wish.desired['cause']['key']}"
    at = seen.progress.first_seen.get(event_id)
    # The file is looked at once it was announced.
    right = at is not None and seen.truth.preview_is_right(
        wish.desired["name"], wish.desired["kind"], wish.desired["of"]
    )
    yield Check("previews", target, right, at)


def _snapshot(target: str, wish: Wish, seen: Seen) -> Iterator[Check]:
    video_id = wish.desired["video_id"]
    there = seen.truth.document("media", video_id) or {}
    right = there.get("event", {}).get("event_id") == wish.event_id
    if right and (rows := seen.truth.rows(video_id)) is not None:
        now = snapshot(video_id, rows)
        right = all(there.get(name) == now[name] for name in _LASTING)
    yield Check("snapshots", target, right, parse_time(there.get("snapshot_at")))


def _matches(_target: str, wish: Wish, seen: Seen) -> Iterator[Check]:
    automation = wish.desired["cause"]["automation"]
    for match in seen.truth.matches(wish.desired["search"]):
        key = match_key(automation, match)
        right = f"search.matched:{key}" in seen.progress.own
        # An earlier event may have brought it, so that there is no time to tell.
        yield Check("matches", f"match {key} of {automation!r}", right)


_CHECKS: Final[Mapping[str, Callable[[str, Wish, Seen], Iterator[Check]]]] = {
    "upsert_marker": _marker,
    "delete_marker": _marker,
    "issue_signed_url": _urls,
    "store_preview": _preview,
    "snapshot_media": _snapshot,
    "search": _matches,
}
