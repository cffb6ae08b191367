"""Idempotency-Key: a repeated request gets the first response; a different one gets a conflict."""

import hashlib
from collections import OrderedDict

from infra.standin.errors import ApiError
from infra.standin.http.responses import Response

_MAX_RESPONSES = 10_000


class Idempotency:
    """Responses by caller, route and key. The oldest are dropped."""

    def __init__(self, conflict_status: int) -> None:
        self._conflict_status = conflict_status
        self._responses: OrderedDict[tuple[str, str, str], tuple[bytes, Response]] = OrderedDict()

    def recall(self, caller: str, route: str, key: str, body: bytes) -> Response | None:
        """Return the stored response, if any. Raises the conflict if the body differs."""
        stored = self._responses.get((caller, route, key))
        if stored is None:
            return None
        fingerprint, response = stored
        if fingerprint != _fingerprint(body):
            message = "This Idempotency-Key was used for another request"
            raise ApiError(self._conflict_status, message, code="idempotency_conflict")
        return response

    def remember(self, caller: str, route: str, key: str, body: bytes, response: Response) -> None:
        """Store a response."""
        self._responses[(caller, route, key)] = (_fingerprint(body), response)
        while len(self._responses) > _MAX_RESPONSES:
            self._responses.popitem(last=False)


def _fingerprint(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()
