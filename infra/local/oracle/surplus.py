"""Observed effects that no event causes."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from infra.local.oracle.expected import (
    Expected,
    ExpectedEffect,
    Marker,
    Matches,
    Preview,
    SegmentUrls,
    SignedUrl,
)
from infra.local.oracle.observation import Observation
from infra.local.oracle.oracle import Oracle
from infra.local.oracle.progress import UrlKey


def find_surplus(expected: Expected, observation: Observation) -> Iterator[str]:
    """Describe each observed effect that no event causes, not even an older event of its target.

    Yields nothing where other users may work on the account.
    """
    progress, oracle = observation.progress, observation.oracle
    if not oracle.has_api:
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
    for kind, target_id, path in (observation.markers or {}).keys() - allowed.markers:
        yield f"marker on {kind} {target_id}" + (f", field {path}" if path else "")


@dataclass(slots=True)
class _Allowed:
    """Keys of the effects that events cause, as `Progress` and the API show them."""

    markers: set[tuple[str, str, None]] = field(default_factory=set)
    urls: set[UrlKey] = field(default_factory=set)
    previews: set[tuple[str, str]] = field(default_factory=set)
    matches: set[tuple[str, str]] = field(default_factory=set)

    def add(self, expected: ExpectedEffect, oracle: Oracle) -> None:
        """Add the keys of one effect."""
        match expected.effect:
            case Marker(run_id):
                self.markers.add(("run", run_id, None))
            case SignedUrl(gcs_uri):
                self.urls.add(expected.url_key(gcs_uri))
            case SegmentUrls(video_id, run_id):
                for segment_id, gcs_uri in oracle.segments(video_id, run_id).items():
                    self.urls.add(expected.url_key(gcs_uri, segment_id))
            case Preview():
                self.previews.add((expected.automation, expected.event.id))
            case Matches(search):
                for result_id in oracle.matches(search):
                    self.matches.add((expected.automation, result_id))
