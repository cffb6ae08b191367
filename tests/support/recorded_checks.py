"""The log lines of `reconcile`, recorded by running its entry point with made-up runs."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn
from unittest.mock import patch

from tests.support.hosting import host
from tests.support.recorded_lines import Line, recording
from videovector_bridge.errors import BackendError
from videovector_bridge.watch.reconcile import endpoint as reconcile
from videovector_bridge.watch.reconcile.report import ReconcileReport


def record_reconcile(folder: Path) -> list[Line]:
    """Runs that repair something or nothing, and every way in which a run fails."""
    environ = {
        "VIDEO_VECTOR_BASE_URL": "https://api.example/api/v2",
        "VIDEO_VECTOR_API_KEY": "made-up-key",  # pragma: allowlist secret
        "BACKEND": "embedded",
        "EMBEDDED_DIR": str(folder),
    }

    def post(run: Callable[[], ReconcileReport], **variables: str) -> None:
        made_up = SimpleNamespace(run=run, report=ReconcileReport(repaired=1))
        endpoint = reconcile.Endpoint(environ | variables)
        with patch.object(reconcile, "Reconciler", lambda *_, **__: made_up):
            host(reconcile.entry_point(endpoint)).test_client().post("/")

    def fail(error: Exception) -> Callable[[], Any]:
        def run() -> NoReturn:
            raise error

        return run

    with recording() as lines:
        post(ReconcileReport)
        post(lambda: ReconcileReport(repaired=2, repaired_ids=["a", "b"]))
        post(lambda: ReconcileReport(problem="VideoVector did not respond."))
        post(fail(BackendError("Made up.")))
        post(fail(ZeroDivisionError("made up")))
        post(ReconcileReport, RECONCILE_SECONDS="soon")
    return lines
