"""Entry point `canary`: check that each channel is alive. Cloud Scheduler calls it every hour."""

import os
import random
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from flask import Request, Response

from videovector_bridge.api.retry import RetryPolicy
from videovector_bridge.api.transport import Pool, Transport
from videovector_bridge.api.webhooks import WebhooksClient
from videovector_bridge.backends import open_backend, open_subscriptions
from videovector_bridge.backends.per_process import PerProcess
from videovector_bridge.errors import BackendError, SettingsError, UnstorableError
from videovector_bridge.redact import redact, redact_all
from videovector_bridge.settings.canary import CanarySettings, canary_settings
from videovector_bridge.telemetry import current_trace, log, tracing
from videovector_bridge.trace import trace_of_request
from videovector_bridge.watch.canary.checks import STATE_SECONDS, CanaryFailed, Checks
from videovector_bridge.watch.canary.report import (
    SEVERITIES,
    ChannelReport,
    build_event_message,
)
from videovector_bridge.watch.last_run import note_run

_PUBLISH_SECONDS = 10.0


def open_client(settings: CanarySettings, seconds: float) -> WebhooksClient:
    """Return a client whose requests may take `seconds`.

    VideoVector responds to the request of a test after the receiver has responded.
    """
    return WebhooksClient(
        Transport(
            base_url=settings.api.base_url,
            key=settings.api.key.current,
            pool=Pool(),
            policy=RetryPolicy(budget_seconds=seconds),
            timeout_seconds=seconds,
            user_agent="videovector-bridge",
            sleep=time.sleep,
            clock=time.monotonic,
            now=lambda: datetime.now(UTC),
            random=random.random,
        )
    )


def open_checks(environ: Mapping[str, str]) -> Checks:
    """Return the checks with the settings of `environ`. Raises `SettingsError`."""
    settings = canary_settings(environ)
    return Checks(
        settings,
        open_backend(settings.backend),
        open_subscriptions(settings.backend),
        open_client,
    )


class Endpoint:
    """Responds to the requests of one deployment, whose variables are `environ`."""

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        open_: Callable[[Mapping[str, str]], Checks] = open_checks,
    ) -> None:
        # Opened by the first request and not at import, because the host forks after import.
        self._checks = PerProcess(lambda: open_(environ))
        self._environ = environ

    def respond(self, request: Request) -> Response:
        """Check all channels; log and publish the result, and return it. Raises nothing."""
        project = self._environ.get("GOOGLE_CLOUD_PROJECT", "")
        with tracing(trace_of_request(request.headers), project):
            return self._respond(request)

    def _respond(self, request: Request) -> Response:
        if request.method != "POST":
            return _build_failure(405, "bad_request", "canary accepts only POST.")
        try:
            checks = self._checks.get()
            reports = checks.run()
            for report in reports:
                text = f"Channel {report.channel} is {report.state}. {report.detail}"
                severity = SEVERITIES[report.state]
                log(severity, f"canary.{report.state}", text, **report.as_json())
            _publish(checks, reports)
            _note(checks, reports)
        except SettingsError as error:
            text = f"Settings are wrong: {error}"
            log("CRITICAL", "canary.settings_wrong", text, problems=error.problems)
            return _build_failure(500, "settings_wrong", str(error), problems=error.problems)
        except CanaryFailed as error:
            text = f"The canary cannot check the channels: {error}"
            log("ERROR", "canary.failed", text, reason=error.reason)
            return _build_failure(503, error.reason, text)
        except Exception as error:  # noqa: BLE001  # the edge: a bug must not leak secrets in a trace
            text = f"Crashed: {type(error).__name__}: {error}"
            trace = redact(traceback.format_exc())
            log("CRITICAL", "canary.crashed", text, stack_trace=trace)
            return _build_failure(500, "crashed", text)
        return _build_response(
            200, {"outcome": "done", "channels": [report.as_json() for report in reports]}
        )


def entry_point(endpoint: Endpoint) -> Callable[[Request], Response]:
    """Return the function of an endpoint; the host accepts only plain functions."""

    def canary(request: Request) -> Response:
        """Check all channels once. `POST` with any body.

        Returns JSON: 200 with `channels`, also if one is dead; 405; 500 wrong settings; 503 the
        canary itself failed.
        """
        return endpoint.respond(request)

    return canary


canary = entry_point(Endpoint(os.environ))


def _publish(checks: Checks, reports: list[ChannelReport]) -> None:
    """Publish an event for each channel. Raises `CanaryFailed`."""
    settings, now = checks.settings, checks.now()
    try:
        for report in reports:
            checks.backend.topics.publish(
                settings.topics.events,
                [build_event_message(report, now, settings.lanes, current_trace().new_span())],
                timeout=_PUBLISH_SECONDS,
            )
    except (BackendError, UnstorableError) as error:
        raise CanaryFailed("publish_failed", str(error)) from error


def _note(checks: Checks, reports: list[ChannelReport]) -> None:
    """Store the run and its reports, for `status`. Raises `CanaryFailed`."""
    fields = {
        "at": checks.now().isoformat(),
        "channels": [report.as_json() for report in reports],
    }
    try:
        note_run(checks.backend.documents, "canary", fields, timeout=STATE_SECONDS)
    except (BackendError, UnstorableError) as error:
        raise CanaryFailed("state_unavailable", str(error)) from error


def _build_failure(status: int, reason: str, message: str, **fields: Any) -> Response:
    body = {"outcome": "failed", "reason": reason, "message": message, **fields}
    return _build_response(status, body)


def _build_response(status: int, body: Mapping[str, Any]) -> Response:
    return Response(orjson.dumps(redact_all(body)), status, content_type="application/json")
