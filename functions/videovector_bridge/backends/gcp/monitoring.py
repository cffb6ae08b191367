"""Backlogs of subscriptions from Cloud Monitoring. Not seen on real Google Cloud.

Metrics: https://cloud.google.com/monitoring/api/metrics_gcp_p_z#gcp-pubsub, sampled every 60 s, and
visible after up to 4 minutes. Method: https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.timeSeries/list,
which needs monitoring.timeSeries.list: roles/monitoring.viewer. A filter names one metric type, so
there are two requests, each for all subscriptions.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from videovector_bridge.backends.gcp.rest import DeniedError, GoogleRest
from videovector_bridge.backends.ports import Timeout
from videovector_bridge.backends.reading_ports import Backlog
from videovector_bridge.errors import BackendError

MESSAGES: Final = "pubsub.googleapis.com/subscription/num_undelivered_messages"
OLDEST: Final = "pubsub.googleapis.com/subscription/oldest_unacked_message_age"
_SINCE: Final = timedelta(minutes=15)
_PAGES: Final = 20


class MonitoredBacklogs:
    """The `Backlogs` port on Cloud Monitoring. Beside emulators, every backlog is unknown."""

    def __init__(
        self,
        project: str,
        rest: GoogleRest,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._url = f"https://monitoring.googleapis.com/v3/projects/{project}/timeSeries"
        self._project = project
        self._rest = rest
        self._now = now

    def read(self, subscriptions: Sequence[str], *, timeout: Timeout) -> Mapping[str, Backlog]:
        """Return the newest values of the last 15 minutes. Raises `BackendError`."""
        if not self._rest.is_reachable(self._url) or not subscriptions:
            return {}
        ids = [name.rpartition("/")[2] for name in subscriptions]
        messages = self._read(MESSAGES, ids, timeout)
        oldest = self._read(OLDEST, ids, timeout)
        return {id_: Backlog(int(messages[id_]), oldest.get(id_)) for id_ in ids if id_ in messages}

    def _read(self, metric: str, ids: Sequence[str], timeout: Timeout) -> dict[str, float]:
        now = self._now()
        quoted = ", ".join(f'"{id_}"' for id_ in ids)
        params = {
            "filter": (
                f'metric.type = "{metric}" AND resource.type = "pubsub_subscription" AND '
                f"resource.labels.subscription_id = one_of({quoted})"
            ),
            "interval.startTime": _format(now - _SINCE),
            "interval.endTime": _format(now),
        }
        values = {}
        for series in self._series(params, timeout):
            try:
                # Points are in reverse order of time.
                value = series["points"][0]["value"]
                number = float(value.get("int64Value", value.get("doubleValue")))
                values[str(series["resource"]["labels"]["subscription_id"])] = number
            except (KeyError, IndexError, TypeError, ValueError, AttributeError):
                continue
        return values

    def _series(self, params: dict[str, str], timeout: Timeout) -> Iterator[Mapping[str, Any]]:
        token = ""
        for _ in range(_PAGES):
            page = {**params, **({"pageToken": token} if token else {})}
            try:
                response = self._rest.send("GET", self._url, params=page, timeout=timeout)
            except DeniedError as error:
                raise BackendError(
                    f"Backlogs cannot be read: you need roles/monitoring.viewer in project "
                    f"{self._project}. ({error})"
                ) from error
            yield from response.body.get("timeSeries") or ()
            token = response.body.get("nextPageToken") or ""
            if not token:
                return


def _format(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
