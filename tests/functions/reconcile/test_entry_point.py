"""`reconcile` through its host: statuses, log lines and secrets."""

from typing import Any, NoReturn

import pytest
from flask.testing import FlaskClient

from infra.standin import StandIn
from tests.support.hosting import host
from tests.support.log_lines import only_log_line
from tests.support.peers import dead_server
from tests.support.reconciling import Bridge
from videovector_bridge.backends import BackendSettings
from videovector_bridge.errors import BackendError
from videovector_bridge.settings.reconcile import ReconcileSettings
from videovector_bridge.watch.reconcile.endpoint import Endpoint, entry_point
from videovector_bridge.watch.reconcile.reconciler import Clients


@pytest.fixture
def bridge(standin: StandIn, embedded_settings: BackendSettings) -> Bridge:
    """A bridge over the embedded backend."""
    return Bridge(standin, embedded_settings)


def test_only_post_is_accepted(bridge: Bridge) -> None:
    """Another method runs nothing."""
    response = bridge.app.test_client().get("/")

    assert response.status_code == 405
    assert response.get_json()["outcome"] == "failed"


def test_wrong_settings_are_named_at_once(
    bridge: Bridge, capsys: pytest.CaptureFixture[str]
) -> None:
    """500 with every wrong variable, and nothing is read."""
    bridge.deploy(RECONCILE_SECONDS="0", LANES="0", RECONCILE_MAX_CALLS="many")
    message = bridge.reconcile(status=500)["message"]
    line = only_log_line(capsys)

    assert (line["event"], line["severity"]) == ("reconcile.settings_wrong", "CRITICAL")
    assert len(line["problems"]) == 3
    assert all(name in message for name in ("RECONCILE_SECONDS", "LANES", "RECONCILE_MAX_CALLS"))


def test_an_api_that_cannot_be_used_ends_the_run(
    bridge: Bridge, capsys: pytest.CaptureFixture[str]
) -> None:
    """503 with what was done, and the reason."""
    bridge.standin.control.runs(videos_per_run=1)
    bridge.standin.control.events({"event_type": "processing.run_started", "run_id": "run_9"})
    start = {"event_type": "processing.video_started", "run_id": "run_9", "video_id": "vid_9"}
    bridge.standin.control.events(start)
    bridge.drain()
    capsys.readouterr()
    bridge.deploy(VIDEO_VECTOR_BASE_URL=f"http://{dead_server()}/api/v2")
    bridge.advance()
    body = bridge.reconcile(status=503)
    line = only_log_line(capsys)

    assert (line["event"], line["severity"]) == ("reconcile.failed", "ERROR")
    assert line["problem"] == body["problem"] != ""
    assert (body["open"], body["asked"], body["waiting"]) == (2, 0, 2)


def hosted(bridge: Bridge, open_: Any) -> FlaskClient:
    """Return a client of `reconcile`, whose clients `open_` returns."""
    app = host(entry_point(Endpoint(bridge.environ, open_=open_)))
    return app.test_client()


def test_a_backend_that_fails_is_a_failure(
    bridge: Bridge, capsys: pytest.CaptureFixture[str]
) -> None:
    """503: the next run continues."""

    class Failing:
        def pull(self, *_: object, **__: object) -> NoReturn:
            raise BackendError("made up")

    def open_(settings: ReconcileSettings) -> Clients:
        clients = bridge.open_clients(settings)
        failing: Any = Failing()
        return Clients(clients.backend, clients.collections, failing, clients.api, clients.webhooks)

    response = hosted(bridge, open_).post("/")
    line = only_log_line(capsys)

    assert (response.status_code, line["event"]) == (503, "reconcile.failed")
    assert "made up" in line["message"]


def test_a_bug_leaks_no_secret(bridge: Bridge, capsys: pytest.CaptureFixture[str]) -> None:
    """500 with the type of the error; the trace is in the log, without secrets."""
    key = bridge.environ["VIDEO_VECTOR_API_KEY"]

    class Broken:
        def pull(self, *_: object, **__: object) -> NoReturn:
            raise ZeroDivisionError(f"Authorization: Bearer {key}")

    def open_(settings: ReconcileSettings) -> Clients:
        clients = bridge.open_clients(settings)
        broken: Any = Broken()
        return Clients(clients.backend, clients.collections, broken, clients.api, clients.webhooks)

    response = hosted(bridge, open_).post("/")
    out = capsys.readouterr().out

    assert response.status_code == 500
    assert '"event":"reconcile.crashed"' in out
    assert "ZeroDivisionError" in out
    assert key not in out + response.get_data(as_text=True)
