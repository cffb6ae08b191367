"""Whether the effects that a run must have are there: on topics, at the API, in the cloud."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from infra.local.oracle.expected import (
    Expected,
    ExpectedEffect,
    Marker,
    Matches,
    NoMarker,
    Preview,
    SegmentUrls,
    SignedUrl,
    VideoDocument,
)
from infra.local.oracle.oracle import Oracle
from infra.local.oracle.progress import Progress
from infra.local.oracle.surplus import surplus_effects, url_key

KINDS: Final = (
    "markers",
    "markers_deleted",
    "signed_urls",
    "previews",
    "snapshots",
    "matches",
)


@dataclass(frozen=True, slots=True)
class Effects:
    """Effects found and expected by kind, and how long they took after their event (milliseconds).

    `missing` describes the expected ones that are not there, `surplus` those that no event asks
    for. `red_no_more` counts the markers that older events asked to be red, and that
    are what the newest asks for instead.
    """

    found: Counter[str] = field(default_factory=Counter)
    expected: Counter[str] = field(default_factory=Counter)
    milliseconds: tuple[float, ...] = ()
    missing: tuple[str, ...] = ()
    surplus: tuple[str, ...] = ()
    red_no_more: int = 0


class Check(NamedTuple):
    """One thing that must be there. `at` is when it came about, where that is known."""

    kind: str
    what: str
    right: bool
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """What a look compares with: the topics, the markers (None: not readable), and the oracle.

    The effects of the events in `delayed` had to wait; how long they took says nothing.
    """

    progress: Progress
    markers: Mapping[tuple[Any, ...], Mapping[str, Any]] | None
    oracle: Oracle
    delayed: frozenset[str] = frozenset()


def markers_by_target(
    markers: Iterable[Mapping[str, Any]] | None,
) -> dict[tuple[Any, ...], Mapping[str, Any]] | None:
    """The API's markers by what they are on."""
    if markers is None:
        return None
    keys = ("target_type", "target_id", "field_path")
    return {tuple(each.get(key) for key in keys): each for each in markers}


# The expected effect of a target that was found there, and its checks: not looked at again.
Settled = tuple[ExpectedEffect, tuple[Check, ...]]


def effects_found(
    expected: Expected, seen: Observation, settled: dict[str, Settled] | None = None
) -> Effects:
    """Compare what is there with what is expected; `settled` is kept from look to look."""
    settled = {} if settled is None else settled
    found_kinds: Counter[str] = Counter()
    expected_kinds: Counter[str] = Counter()
    milliseconds: list[float] = []
    missing: list[str] = []
    named: set[str] = set()
    red_no_more = 0
    for target, effect in expected.newest.items():
        for check in _checks(target, effect, seen, settled):
            if check.what in named:
                continue  # a match that several searches have found
            named.add(check.what)
            expected_kinds[check.kind] += 1
            if not check.right:
                missing.append(f"{check.what} after event {effect.event.id}")
                continue
            found_kinds[check.kind] += 1
            red_no_more += effect.red_before
            if check.at is not None and effect.event.id not in seen.delayed:
                took = check.at - effect.event.published_at
                milliseconds.append(took.total_seconds() * 1_000)
    surplus = tuple(surplus_effects(expected, seen.progress, seen.markers, seen.oracle))
    return Effects(
        found_kinds, expected_kinds, tuple(milliseconds), tuple(missing), surplus, red_no_more
    )


def _checks(
    target: str, expected: ExpectedEffect, seen: Observation, settled: dict[str, Settled]
) -> tuple[Check, ...]:
    known = settled.get(target)
    if known is not None and known[0] == expected:
        return known[1]
    checks = tuple(_look(expected, seen))
    # Markers cost nothing to look at, and may change again.
    is_marker = isinstance(expected.effect, Marker | NoMarker)
    if not is_marker and all(check.right for check in checks):
        settled[target] = (expected, checks)
    return checks


def _look(expected: ExpectedEffect, seen: Observation) -> Iterator[Check]:
    match expected.effect:
        case Marker() | NoMarker() as effect:
            yield from _marker(effect, seen)
        case SignedUrl(gcs_uri):
            yield _url(expected, gcs_uri, "", seen)
        case SegmentUrls(video_id, run_id):
            for segment_id, gcs_uri in seen.oracle.segments(video_id, run_id).items():
                yield _url(expected, gcs_uri, segment_id, seen)
        case Preview() as effect:
            yield _preview(expected, effect, seen)
        case VideoDocument(video_id):
            yield _document(expected, video_id, seen)
        case Matches(search):
            for result_id in seen.oracle.matches(search):
                # An earlier event may have brought it, so that its time says nothing.
                right = (expected.automation, result_id) in seen.progress.matches
                what = f"match {result_id} of {expected.automation!r}"
                yield Check("matches", what, right)


def _marker(effect: Marker | NoMarker, seen: Observation) -> Iterator[Check]:
    if seen.markers is None:
        return
    there = seen.markers.get(("run", effect.run_id, None))
    if isinstance(effect, NoMarker):
        yield Check("markers_deleted", f"no marker on run {effect.run_id}", there is None)
        return
    right = there is not None and (there.get("color"), there.get("note")) == (
        effect.color,
        effect.note,
    )
    what = f"{effect.color} marker on run {effect.run_id}"
    yield Check("markers", what, right, _time((there or {}).get("updated_at")))


def _url(expected: ExpectedEffect, gcs_uri: str, segment_id: str, seen: Observation) -> Check:
    at = seen.progress.urls.get(url_key(expected, gcs_uri, segment_id))
    what = f"URL of {gcs_uri} by {expected.automation!r}"
    return Check("signed_urls", what, at is not None, at)


def _preview(expected: ExpectedEffect, effect: Preview, seen: Observation) -> Check:
    at = seen.progress.previews.get((expected.automation, expected.event.id))
    # The file is looked at once it was announced.
    right = at is not None and seen.oracle.preview_is_right(effect.name, effect.kind, effect.of)
    return Check("previews", f"preview {effect.name}", right, at)


def _document(expected: ExpectedEffect, video_id: str, seen: Observation) -> Check:
    there = seen.oracle.document("media", video_id) or {}
    right = (there.get("event") or {}).get("event_id") == expected.event.id
    right = right and seen.oracle.document_is_right(there, video_id)
    return Check("snapshots", f"document media/{video_id}", right, _time(there.get("snapshot_at")))


def _time(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
