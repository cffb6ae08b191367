"""The outcomes of requests to `receive_webhook`: log lines and responses."""

import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from flask import Response

from videovector_bridge.errors import BackendError, SettingsError
from videovector_bridge.ingest.body import UnreadableBody
from videovector_bridge.ingest.delivery import Refusal
from videovector_bridge.pause import Pause
from videovector_bridge.redact import redact
from videovector_bridge.telemetry import Severity

# Retry-After: until other requests end, until Pub/Sub recovers, until a person has acted.
_SOON_SECONDS: Final = 1
_LATER_SECONDS: Final = 5
_MUCH_LATER_SECONDS: Final = 30
_PAUSED_SECONDS: Final = 60  # a person resumes the channel; the sender's retries are limited
# Error codes for unauthenticated callers.
_ERROR_CODES: Final = {
    400: "malformed",
    401: "unauthorized",
    405: "method_not_allowed",
    411: "length_required",
    413: "too_large",
    503: "unavailable",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a request ended: its status, and its log line, event `webhook.<name>`.

    `facts` are added to the line.
    """

    status: int
    name: str
    severity: Severity
    message: str
    retry_after: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)


def refused(status: int, severity: Severity, code: str, why: str) -> Outcome:
    """Return the outcome of a request that the sender should not repeat."""
    return Outcome(status, "refused", severity, f"Refused: {why}", facts={"code": code})


def unverified(refusal: Refusal, secrets: str) -> Outcome:
    """Return the outcome of a delivery that is not verified. `secrets` names their place."""
    if refusal.code == "no_secret":
        message = (
            f"{secrets} does not exist or has no valid secret: store one with `videovector-bridge "
            "webhook ensure`."
        )
        return Outcome(503, "no_secret", "ERROR", message, refusal.retry_after)
    if refusal.code == "rotating":
        message = "Signed with none of our secrets during a rotation: the sender may retry."
        return Outcome(503, "rotating", "WARNING", message, refusal.retry_after)
    return refused(refusal.status, "WARNING", refusal.code, refusal.code.replace("_", " "))


def unreadable(body: UnreadableBody) -> Outcome:
    """Return the outcome of a request whose body could not be read."""
    if body.slow:
        message = f"The body took too long: {body.detail}."
        return Outcome(503, "slow_body", "WARNING", message, _SOON_SECONDS)
    return refused(400, "WARNING", "unreadable_body", body.detail)


def paused(pause: Pause) -> Outcome:
    """Return the outcome of a delivery while a person has paused the channel. It is not read."""
    message = (
        f"The webhook channel is {pause}. VideoVector may retry until "
        f"`videovector-bridge resume webhook`."
    )
    return Outcome(503, "paused", "INFO", message, _PAUSED_SECONDS)


def overloaded(message: str) -> Outcome:
    """Return the outcome of a request that exceeds a limit of this instance."""
    return Outcome(503, "overloaded", "WARNING", message, _SOON_SECONDS)


def unpublished(error: Exception) -> Outcome:
    """Return the outcome of a delivery that Pub/Sub did not acknowledge."""
    return Outcome(503, "publish_failed", "ERROR", str(error), _LATER_SECONDS)


def misconfigured(error: SettingsError) -> Outcome:
    """Return the outcome of every request while settings are wrong."""
    return Outcome(
        503,
        "settings_wrong",
        "CRITICAL",
        f"Settings are wrong: {error}",
        _MUCH_LATER_SECONDS,
        facts={"problems": error.problems},
    )


def secrets_unreadable(error: BackendError) -> Outcome:
    """Return the outcome of requests while an instance has not been able to read its secrets."""
    message = f"No secrets to verify with. {error}"
    return Outcome(503, "secrets_unreadable", "ERROR", message, _LATER_SECONDS)


def crashed(error: Exception) -> Outcome:
    """Return the outcome of a request that met a bug. Call it in the `except` block."""
    return Outcome(
        503,
        "crashed",
        "CRITICAL",
        f"Crashed: {type(error).__name__}: {error}",
        _MUCH_LATER_SECONDS,
        facts={"stack_trace": redact(traceback.format_exc())},
    )


def build_response(outcome: Outcome) -> Response:
    """Build the response. Its body has only an error code, because anyone can send a request."""
    headers = {"Retry-After": str(outcome.retry_after)} if outcome.retry_after else {}
    if outcome.status == 204:
        return Response(status=204)
    if outcome.status == 405:
        headers["Allow"] = "POST"
    body = orjson.dumps({"error": _ERROR_CODES[outcome.status]})
    return Response(body, outcome.status, headers, content_type="application/json")
