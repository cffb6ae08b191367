"""One request that changes nothing, to see what VideoVector answers. For the command line."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from secrets import token_hex
from typing import Any, Final

import httpx

from videovector_bridge.api.error_body import parse_error_body
from videovector_bridge.api.errors import Unreachable, error_from_exception

_BODY_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class ProbeResponse:
    """A response: its status, VideoVector's error code (may be empty), and the time it states."""

    status: int
    code: str
    server_time: datetime | None


@dataclass(frozen=True, slots=True)
class Prober:
    """Sends single requests without retries.

    The requests of `scope` name things that cannot exist, or have no valid body, so that none has
    an effect. 403 then means that the key lacks the scope, any other refusal that it has it: that
    VideoVector checks the scope first is inferred from its documented errors, not documented.
    """

    base_url: str
    key: str = field(repr=False)
    timeout_seconds: float = 10.0

    def read(self) -> ProbeResponse:
        """Send a request that needs the scope `read`."""
        return self._send("GET", "/webhooks/events")

    def scope(self, scope: str) -> ProbeResponse:
        """Send a request that needs `scope` and has no effect."""
        nothing = f"doctor-{token_hex(8)}"
        if scope == "search":
            return self._send("POST", "/search/filter/playground", {"conditions": []})
        if scope == "write":
            return self._send("POST", f"/webhooks/deliveries/{nothing}/retry")
        if scope == "admin":
            return self._send("DELETE", f"/markers/{nothing}")
        return self.read()

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> ProbeResponse:
        """Send one request. Raises `Unreachable`."""
        headers = {"X-API-Key": self.key, "User-Agent": "videovector-bridge-cli"}
        if method == "POST":
            headers["Idempotency-Key"] = token_hex(16)
        request = httpx.Request(method, self.base_url + path, headers=headers, json=body)
        failure: Unreachable
        try:
            with httpx.Client(timeout=self.timeout_seconds) as client:
                response = client.send(request, stream=True)
                content = next(response.iter_bytes(_BODY_BYTES), b"")
        except httpx.HTTPError as error:
            failure = error_from_exception(error, request)
        else:
            code = parse_error_body(content, secret=self.key).code if response.is_error else ""
            return ProbeResponse(response.status_code, code or "", _parse_date(response))
        # Not in the `except` block: the error would be chained to one that has the key.
        raise failure


def _parse_date(response: httpx.Response) -> datetime | None:
    try:
        date = parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date
