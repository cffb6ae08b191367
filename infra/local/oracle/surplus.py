"""Effects that are there though no event asks for them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.local.oracle.expected import (
    Expected,
    ExpectedEffect,
    Marker,
    Matches,
    Preview,
    SegmentUrls,
    SignedUrl,
)
from infra.local.oracle.oracle import Oracle
from infra.local.oracle.progress import Progress, UrlKey


def url_key(expected: ExpectedEffect, gcs_uri: str, segment_id: str = "") -> UrlKey:
    """What the message with a URL of this effect is about, which has to name a segment if any."""
    named = segment_id or expected.event.segment_id
    return UrlKey(expected.automation, expected.event.id, named, gcs_uri)


def surplus_effects(
    expected: Expected,
    progress: Progress,
    markers: Mapping[tuple[Any, ...], Any] | None,
    oracle: Oracle,
) -> Iterator[str]:
    """Describe each effect that no event asks for, not even one that a newer event overtook.

    `markers` are those at the API by target. Nothing where others may use the account as well.
    """
    if not oracle.knows_all:
        return
    allowed = _Allowed()
    for effect in expected.every:
        allowed.add(effect, oracle)
    for key in progress.urls.keys() - allowed.urls:
        yield f"URL of {key.gcs_uri} by {key.automation!r} after event {key.event_id}"
    for automation, event_id in progress.previews.keys() - allowed.previews:
        yield f"preview by {automation!r} after event {event_id}"
    for automation, result_id in progress.matches.keys() - allowed.matches:
        yield f"match {result_id} of {automation!r}"
    for kind, target_id, path in (markers or {}).keys() - allowed.markers:
        yield f"marker on {kind} {target_id}" + (f", field {path}" if path else "")


@dataclass(slots=True)
class _Allowed:
    """What may be there, by what is seen of it."""

    markers: set[tuple[str, str, None]] = field(default_factory=set)
    urls: set[UrlKey] = field(default_factory=set)
    previews: set[tuple[str, str]] = field(default_factory=set)
    matches: set[tuple[str, str]] = field(default_factory=set)

    def add(self, expected: ExpectedEffect, oracle: Oracle) -> None:
        """Add what one event asks for."""
        match expected.effect:
            case Marker(run_id):
                self.markers.add(("run", run_id, None))
            case SignedUrl(gcs_uri):
                self.urls.add(url_key(expected, gcs_uri))
            case SegmentUrls(video_id, run_id):
                for segment_id, gcs_uri in oracle.segments(video_id, run_id).items():
                    self.urls.add(url_key(expected, gcs_uri, segment_id))
            case Preview():
                self.previews.add((expected.automation, expected.event.id))
            case Matches(search):
                for result_id in oracle.matches(search):
                    self.matches.add((expected.automation, result_id))
