"""Entry point `reconcile`: find events that never came. Cloud Scheduler calls it."""

import os
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from flask import Request, Response

from videovector_bridge.api import RetryPolicy
from videovector_bridge.api.client import VideoVectorClient
from videovector_bridge.api.webhooks import open_webhooks
from videovector_bridge.backends import open_backend, open_collections, open_subscriptions
from videovector_bridge.backends.per_process import PerProcess
from videovector_bridge.errors import BackendError, SettingsError, UnstorableError
from videovector_bridge.redact import redact, redact_all
from videovector_bridge.settings.reconcile import ReconcileSettings, reconcile_settings
from videovector_bridge.telemetry import Severity, log, tracing
from videovector_bridge.trace import trace_of_request
from videovector_bridge.watch.reconcile.reconciler import Clients, Reconciler
from videovector_bridge.watch.reconcile.report import ReconcileReport, describe

_USER_AGENT: Final = "videovector-bridge-reconcile"
# The next run asks again; so a 429 ends the requests of a run, and requests are what is counted.
_ONCE: Final = RetryPolicy(attempts=1)


def open_clients(settings: ReconcileSettings) -> Clients:
    """Return the clients of a run. They connect at their first use."""
    api = settings.api
    return Clients(
        open_backend(settings.backend),
        open_collections(settings.backend),
        open_subscriptions(settings.backend),
        VideoVectorClient(
            api.base_url,
            api.key.current,
            retry=_ONCE,
            timeout_seconds=api.timeout_seconds,
            user_agent=_USER_AGENT,
        ),
        open_webhooks(
            api.base_url,
            api.key.current,
            retry=_ONCE,
            timeout_seconds=api.timeout_seconds,
            user_agent=_USER_AGENT,
        ),
    )


class Endpoint:
    """Responds to the requests of one deployment, whose variables are `environ`."""

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        open_: Callable[[ReconcileSettings], Clients] = open_clients,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._parts = PerProcess(lambda: _open(environ, open_))
        self._environ = environ
        self._clock = clock
        self._now = now

    def respond(self, request: Request) -> Response:
        """Run once; log the outcome and return the response."""
        project = self._environ.get("GOOGLE_CLOUD_PROJECT", "")
        with tracing(trace_of_request(request.headers), project):
            return self._respond(request)

    def _respond(self, request: Request) -> Response:
        if request.method != "POST":
            return _build_response(405, {"outcome": "failed", "message": "Call it by POST."})
        try:
            settings, clients = self._parts.get()
        except SettingsError as error:
            text = f"Settings are wrong: {error}"
            log(
                "CRITICAL",
                "reconcile.settings_wrong",
                text,
                problems=error.problems,
            )
            return _build_response(500, {"outcome": "failed", "message": text})
        reconciler = Reconciler(settings, clients, clock=self._clock, now=self._now)
        try:
            report = reconciler.run()
        except (BackendError, UnstorableError) as error:
            return self._fail(reconciler.report, str(error))
        except Exception as error:  # noqa: BLE001  # the edge: a bug must not leak secrets in a trace
            text = f"Crashed: {type(error).__name__}: {error}"
            log(
                "CRITICAL",
                "reconcile.crashed",
                text,
                stack_trace=redact(traceback.format_exc()),
            )
            return _build_response(500, {"outcome": "failed", "message": text})
        if report.problem:
            return self._fail(report, report.problem)
        severity: Severity = "WARNING" if report.repaired or report.deliveries.problem else "INFO"
        log(
            severity,
            "reconcile.done",
            describe(report),
            **report.as_json(),
        )
        body = {"outcome": "done", "message": describe(report)} | report.as_json()
        return _build_response(200, body)

    def _fail(self, report: ReconcileReport, problem: str) -> Response:
        text = f"The run ended early, and the next one continues: {problem}"
        facts = report.as_json() | {"problem": problem}
        log("ERROR", "reconcile.failed", text, **facts)
        return _build_response(503, {"outcome": "failed", "message": text} | facts)


def entry_point(endpoint: Endpoint) -> Callable[[Request], Response]:
    """Return the function of an endpoint; the host accepts only plain functions."""

    def reconcile(request: Request) -> Response:
        """Run once. `POST`, without a body.

        Returns JSON (`ReconcileReport`): 200 done; 405; 500 wrong settings or a bug; 503 the run
        ended early, and the next one continues.
        """
        return endpoint.respond(request)

    return reconcile


reconcile = entry_point(Endpoint(os.environ))


def _open(
    environ: Mapping[str, str], open_: Callable[[ReconcileSettings], Clients]
) -> tuple[ReconcileSettings, Clients]:
    settings = reconcile_settings(environ)
    return settings, open_(settings)


def _build_response(status: int, body: Mapping[str, Any]) -> Response:
    return Response(orjson.dumps(redact_all(body)), status, content_type="application/json")
