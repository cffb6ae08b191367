"""A client of the control plane: the same for a stand-in in this process and in another."""

import ssl
from typing import Any

import httpx

_WAIT_SECONDS = 30
_TIMEOUT_SECONDS = 120.0  # a large flood takes its time


class Control:
    """One method for each control. Raises httpx.HTTPStatusError on a refusal."""

    def __init__(self, control_url: str) -> None:
        self.url = control_url
        # An empty TLS context: loading certificates takes longer than a test, and this is HTTP.
        empty = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._http = httpx.Client(timeout=_TIMEOUT_SECONDS, trust_env=False, verify=empty)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def healthy(self) -> bool:
        """True once the stand-in answers."""
        try:
            return bool(self._ask("GET", "/health")["ok"])
        except httpx.TransportError:
            return False

    def journal(self, *, since: str | None = None, ids: bool = True) -> dict[str, Any]:
        """What happened so far; event ids after `since` only, or none."""
        query = {"ids": str(ids).lower()} | ({"since": since} if since else {})
        answer: dict[str, Any] = self._ask("GET", "/journal", query=query)
        return answer

    def faults(self, *faults: dict[str, Any]) -> None:
        """Append faults to the script."""
        self._ask("POST", "/faults", body=list(faults))

    def faults_left(self) -> list[dict[str, Any]]:
        """Faults yet to strike."""
        left: list[dict[str, Any]] = self._ask("GET", "/faults")
        return left

    def clear_faults(self) -> None:
        """Forget every fault."""
        self._ask("DELETE", "/faults")

    def events(self, *events: dict[str, Any]) -> list[str]:
        """Let events happen; their ids."""
        ids: list[str] = self._ask("POST", "/events", body=list(events))["event_ids"]
        return ids

    def runs(
        self, runs: int = 1, *, videos_per_run: int = 3, events_per_second: float | None = None
    ) -> dict[str, Any]:
        """Start runs; `{"run_ids", "events"}`. No rate: as fast as it goes."""
        body = {
            "runs": runs,
            "videos_per_run": videos_per_run,
            "events_per_second": events_per_second,
        }
        started: dict[str, Any] = self._ask("POST", "/runs", body=body)
        return started

    def flood(self, events: int, *, data_bytes: int = 400, entities: int = 64) -> dict[str, Any]:
        """Prepare events; `{"events", "first_event_id", "last_event_id"}`."""
        body = {"events": events, "data_bytes": data_bytes, "entities": entities}
        prepared: dict[str, Any] = self._ask("POST", "/flood", body=body)
        return prepared

    def expire(self, through: str | None = None) -> None:
        """Expire events through an id; every event if there is none."""
        self._ask("POST", "/expire", body={"through": through})

    def webhooks(self, *, attempts: bool = False, wait: int = 0) -> dict[str, Any]:
        """Events announced by webhook (ids, types), what is unsettled, each attempt.

        `wait`: answer only when all is settled, or after so many seconds (up to 60).
        """
        query = {"attempts": str(attempts).lower(), "wait": str(wait)}
        announced: dict[str, Any] = self._ask("GET", "/webhooks", query=query)
        return announced

    def settled_webhooks(self) -> dict[str, Any]:
        """Events announced and each attempt, once every delivery is accepted or abandoned.

        Waits as long as that takes: each delivery has so many attempts, and each attempt an end.
        """
        while self.webhooks(wait=_WAIT_SECONDS)["unsettled"]:
            pass
        return self.webhooks(attempts=True)

    def news(
        self, events: int = 1, *, event: str = "media.created", data: dict[str, Any] | None = None
    ) -> list[str]:
        """Tell webhooks of so many events; their ids."""
        body = {"events": events, "event": event, "data": data or {}}
        ids: list[str] = self._ask("POST", "/webhooks", body=body)["event_ids"]
        return ids

    def _ask(
        self, method: str, path: str, *, body: object = None, query: dict[str, str] | None = None
    ) -> Any:
        answer = self._http.request(method, self.url + path, json=body, params=query)
        answer.raise_for_status()
        return answer.json()
