"""Idempotency-Key: the same key and request get the same answer, a different request a conflict."""

import hashlib
from collections import OrderedDict

from infra.standin.errors import ApiError
from infra.standin.http.responses import Answer

_REMEMBERED = 10_000


class Idempotency:
    """Answers by caller, route and key; the oldest are forgotten."""

    def __init__(self, conflict_status: int) -> None:
        self._conflict_status = conflict_status
        self._answers: OrderedDict[tuple[str, str, str], tuple[bytes, Answer]] = OrderedDict()

    def recall(self, caller: str, route: str, key: str, body: bytes) -> Answer | None:
        """The answer given before. Raises the conflict if the body was another."""
        known = self._answers.get((caller, route, key))
        if known is None:
            return None
        fingerprint, answer = known
        if fingerprint != _fingerprint(body):
            message = "This Idempotency-Key was used for another request"
            raise ApiError(self._conflict_status, message, code="idempotency_conflict")
        return answer

    def remember(self, caller: str, route: str, key: str, body: bytes, answer: Answer) -> None:
        """Keep an answer."""
        self._answers[(caller, route, key)] = (_fingerprint(body), answer)
        while len(self._answers) > _REMEMBERED:
            self._answers.popitem(last=False)


def _fingerprint(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()
