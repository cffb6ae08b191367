"""A client of the control plane, for a stand-in in this or another process."""

import ssl
from collections.abc import Sequence
from typing import Any

import httpx

_WAIT_SECONDS = 30
_TIMEOUT_SECONDS = 120.0  # a large flood is slow


class Control:
    """One method for each route. Raises httpx.HTTPStatusError for an error response."""

    def __init__(self, control_url: str) -> None:
        self.url = control_url
        # An empty TLS context: this is HTTP, and loading certificates takes longer than a test.
        empty = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._http = httpx.Client(timeout=_TIMEOUT_SECONDS, trust_env=False, verify=empty)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def healthy(self) -> bool:
        """Whether the stand-in responds and is not closing."""
        try:
            return bool(self._request("GET", "/health")["ok"])
        except httpx.TransportError:
            return False

    def journal(self, *, since: str | None = None, ids: bool = True) -> dict[str, Any]:
        """Return the journal, with the event ids after `since`, or without ids."""
        query = {"ids": str(ids).lower()} | ({"since": since} if since else {})
        journal: dict[str, Any] = self._request("GET", "/journal", query=query)
        return journal

    def faults(self, *faults: dict[str, Any]) -> None:
        """Append faults to the script."""
        self._request("POST", "/faults", body=list(faults))

    def faults_left(self) -> list[dict[str, Any]]:
        """Return the faults that are left."""
        left: list[dict[str, Any]] = self._request("GET", "/faults")
        return left

    def clear_faults(self) -> None:
        """Remove every fault."""
        self._request("DELETE", "/faults")

    def events(self, *events: dict[str, Any]) -> list[str]:
        """Emit events with these fields. Return their ids."""
        ids: list[str] = self._request("POST", "/events", body=list(events))["event_ids"]
        return ids

    def runs(
        self,
        runs: int = 1,
        *,
        videos_per_run: int = 3,
        events_per_second: float | None = None,
        lose: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Start runs. Return `{"run_ids", "events", "lost"}`. Rate None: as fast as possible.

        `lose` lists kinds, `run` or `video`: the events that end them are never sent.
        """
        body = {
            "runs": runs,
            "videos_per_run": videos_per_run,
            "events_per_second": events_per_second,
            "lose": list(lose),
        }
        started: dict[str, Any] = self._request("POST", "/runs", body=body)
        return started

    def flood(self, events: int, *, data_bytes: int = 400, entities: int = 64) -> dict[str, Any]:
        """Emit a flood. Return `{"events", "first_event_id", "last_event_id"}`."""
        body = {"events": events, "data_bytes": data_bytes, "entities": entities}
        flood: dict[str, Any] = self._request("POST", "/flood", body=body)
        return flood

    def expire(self, through: str | None = None) -> None:
        """Expire the events through an id, or every event."""
        self._request("POST", "/expire", body={"through": through})

    def webhooks(self, *, attempts: bool = False, wait: int = 0) -> dict[str, Any]:
        """Return the events sent to webhooks, the number of unsettled deliveries, and attempts.

        `wait`: wait until all deliveries are settled, at most this many seconds (up to 60).
        """
        query = {"attempts": str(attempts).lower(), "wait": str(wait)}
        report: dict[str, Any] = self._request("GET", "/webhooks", query=query)
        return report

    def settled_webhooks(self) -> dict[str, Any]:
        """Return `webhooks(attempts=True)` once every delivery is accepted or abandoned.

        The wait has no timeout, because the number and the duration of attempts are limited.
        """
        while self.webhooks(wait=_WAIT_SECONDS)["unsettled"]:
            pass
        return self.webhooks(attempts=True)

    def webhook_events(
        self, events: int = 1, *, event: str = "media.created", data: dict[str, Any] | None = None
    ) -> list[str]:
        """Send events to the subscribed webhooks. Return their ids."""
        body = {"events": events, "event": event, "data": data or {}}
        ids: list[str] = self._request("POST", "/webhooks", body=body)["event_ids"]
        return ids

    def _request(
        self, method: str, path: str, *, body: object = None, query: dict[str, str] | None = None
    ) -> Any:
        response = self._http.request(method, self.url + path, json=body, params=query)
        response.raise_for_status()
        return response.json()
