"""Compares expected effects with observations: topics, the API's markers, the cloud's state."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

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
from infra.local.oracle.observation import Observation
from infra.local.oracle.published import parse_time
from infra.local.oracle.surplus import find_surplus

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
    """Confirmed and expected effects by kind, and their latencies after their event (milliseconds).

    `missing` describes expected effects that were not observed, `surplus` observed effects that no
    event causes. `red_no_more` counts confirmed effects on targets that an older event had asked to
    be red.
    """

    confirmed: Counter[str] = field(default_factory=Counter)
    expected: Counter[str] = field(default_factory=Counter)
    milliseconds: tuple[float, ...] = ()
    missing: tuple[str, ...] = ()
    surplus: tuple[str, ...] = ()
    red_no_more: int = 0


class Check(NamedTuple):
    """One check of an expected effect. `at` is the time of the effect, if known."""

    kind: str
    description: str
    passed: bool
    at: datetime | None = None


# A confirmed effect with its checks, which are not repeated.
Confirmed = tuple[ExpectedEffect, tuple[Check, ...]]


def compare_effects(
    expected: Expected, observation: Observation, confirmed: dict[str, Confirmed] | None = None
) -> Effects:
    """Compare an observation with the expected effects.

    `confirmed` (by target) is the memory of earlier comparisons; confirmed effects are added to it.
    """
    confirmed = {} if confirmed is None else confirmed
    confirmed_kinds: Counter[str] = Counter()
    expected_kinds: Counter[str] = Counter()
    milliseconds: list[float] = []
    missing: list[str] = []
    counted: set[str] = set()
    red_no_more = 0
    for target, effect in expected.newest.items():
        for check in _list_checks(target, effect, observation, confirmed):
            if check.description in counted:
                continue  # a match of several searches
            counted.add(check.description)
            expected_kinds[check.kind] += 1
            if not check.passed:
                missing.append(f"{check.description} after event {effect.event.id}")
                continue
            confirmed_kinds[check.kind] += 1
            red_no_more += effect.red_before
            if check.at is not None and effect.event.id not in observation.delayed:
                latency = check.at - effect.event.published_at
                milliseconds.append(latency.total_seconds() * 1_000)
    return Effects(
        confirmed_kinds,
        expected_kinds,
        tuple(milliseconds),
        tuple(missing),
        tuple(find_surplus(expected, observation)),
        red_no_more,
    )


def _list_checks(
    target: str, expected: ExpectedEffect, observation: Observation, confirmed: dict[str, Confirmed]
) -> tuple[Check, ...]:
    earlier = confirmed.get(target)
    if earlier is not None and earlier[0] == expected:
        return earlier[1]
    checks = tuple(_run_checks(expected, observation))
    # Markers are checked every time: they may change again, and the check needs no request.
    is_marker = isinstance(expected.effect, Marker | NoMarker)
    if not is_marker and all(check.passed for check in checks):
        confirmed[target] = (expected, checks)
    return checks


def _run_checks(expected: ExpectedEffect, observation: Observation) -> Iterator[Check]:
    match expected.effect:
        case Marker() | NoMarker() as effect:
            yield from _check_marker(effect, observation)
        case SignedUrl(gcs_uri):
            yield _check_url(expected, gcs_uri, "", observation)
        case SegmentUrls(video_id, run_id):
            for segment_id, gcs_uri in observation.oracle.segments(video_id, run_id).items():
                yield _check_url(expected, gcs_uri, segment_id, observation)
        case Preview() as effect:
            yield _check_preview(expected, effect, observation)
        case VideoDocument(video_id):
            yield _check_document(expected, video_id, observation)
        case Matches(search):
            for result_id in observation.oracle.matches(search):
                # An earlier event may have caused it, so its time is not compared.
                passed = (expected.automation, result_id) in observation.progress.matches
                description = f"match {result_id} of {expected.automation!r}"
                yield Check("matches", description, passed)


def _check_marker(effect: Marker | NoMarker, observation: Observation) -> Iterator[Check]:
    if observation.markers is None:
        return
    marker = observation.markers.get(("run", effect.run_id, None))
    if isinstance(effect, NoMarker):
        yield Check("markers_deleted", f"no marker on run {effect.run_id}", marker is None)
        return
    passed = marker is not None and (marker.get("color"), marker.get("note")) == (
        effect.color,
        effect.note,
    )
    description = f"{effect.color} marker on run {effect.run_id}"
    yield Check("markers", description, passed, parse_time((marker or {}).get("updated_at")))


def _check_url(
    expected: ExpectedEffect, gcs_uri: str, segment_id: str, observation: Observation
) -> Check:
    at = observation.progress.urls.get(expected.url_key(gcs_uri, segment_id))
    description = f"URL of {gcs_uri} by {expected.automation!r}"
    return Check("signed_urls", description, at is not None, at)


def _check_preview(expected: ExpectedEffect, effect: Preview, observation: Observation) -> Check:
    at = observation.progress.previews.get((expected.automation, expected.event.id))
    # The file is read only after its event.
    passed = at is not None and observation.oracle.is_preview(
        effect.name, effect.kind, effect.source_id
    )
    return Check("previews", f"preview {effect.name}", passed, at)


def _check_document(expected: ExpectedEffect, video_id: str, observation: Observation) -> Check:
    fields = observation.oracle.document("media", video_id) or {}
    passed = (fields.get("event") or {}).get("event_id") == expected.event.id
    passed = passed and observation.oracle.is_snapshot(fields, video_id)
    return Check(
        "snapshots", f"document media/{video_id}", passed, parse_time(fields.get("snapshot_at"))
    )
