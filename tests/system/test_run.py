"""`make run` from end to end, as a process of its own."""

import os
import signal
from pathlib import Path

import pytest

from infra.local.clouds.emulators import Emulators
from infra.local.processes.upstream import Upstream
from infra.local.scenario.selected import selected_ids, selects_everything
from infra.local.topology import read_topology
from infra.standin import StandIn, StandInConfig
from tests.support.launcher import Launcher, processes_of
from tests.support.patience import until
from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.settings import drain_settings

EMBEDDED = {"BACKEND": "embedded"}


def assert_whole(launcher: Launcher, backend: str) -> None:
    """The run ended well, and its numbers fit together."""
    assert launcher.end() == 0, launcher.output
    found = launcher.result()
    assert found["ok"] is True
    assert found["problems"] == []
    assert found["backend"] == backend
    assert found["emitted"] == found["published"] > 200
    assert found["lost"] == 0
    assert found["webhooks"] == found["webhooks_expected"] > 100
    assert found["webhook_repeats"] >= 1
    least = {
        "markers": 3,
        "markers_deleted": 3,
        "signed_urls": 50,
        "previews": 30,
        "snapshots": 20,
        "matches": 20,
    }
    for kind, number in least.items():
        assert found[kind] == found[f"{kind}_expected"] > number
    assert found["surplus"] == []
    assert found["red_no_more"] == 3
    # An event that was published twice is refused twice.
    assert found["rejected"] >= found["refusals"] == found["refusals_expected"] == 2
    assert found["redriven"] == found["redriven_expected"] == 2
    assert found["isolated_failures"] == found["isolated_failures_expected"] == 3
    assert found["windows"] >= 3
    assert found["killed_windows"] == 1
    assert found["reconnects"] >= 1
    assert found["cursor"].startswith("evt_")
    assert found["costs"].keys() == ACTIONS.keys()
    assert found["costs"]["upsert_marker"]["api_calls"] >= 1
    assert 0 < found["first_event_seconds"] < found["seconds"]
    assert 0 < found["effect_ms"]["p50"] <= found["effect_ms"]["p99"]
    assert not launcher.endpoints_file.exists()


def test_embedded(tmp_path: Path) -> None:
    """Without gcloud or Java: everything arrives, a killed window is resumed, exit 0."""
    with Launcher(tmp_path, "run", environment=EMBEDDED) as launcher:
        assert_whole(launcher, "embedded")

        assert "BACKEND=embedded asks for it" in launcher.output
        assert "killed half-way" in launcher.output


@pytest.mark.emulator
def test_emulators(emulators: Emulators, tmp_path: Path) -> None:
    """The same with Google's emulators, started for the run and pushing to the functions."""
    with Launcher(tmp_path, "run", environment={}) as launcher:
        assert_whole(launcher, "gcp")

        assert "Google's emulators are here" in launcher.output


def test_effects_that_do_not_happen_fail_the_run(tmp_path: Path) -> None:
    """URLs that may not be issued are missing: exit 1, and it says which, and why."""
    environment = EMBEDDED | {"SIGNED_URL_BUCKETS": ""}
    with Launcher(tmp_path, "run", environment=environment) as launcher:
        assert launcher.end() == 1, launcher.output
        found = launcher.result()

        assert found["ok"] is False
        assert (found["lost"], found["signed_urls"]) == (0, 0)
        assert found["rejected"] > 20
        assert any(each.startswith("URL of gs://") for each in found["missing"])
        assert "URL of gs://" in launcher.output
        assert "bucket_not_allowed" in launcher.output
        assert "SIGNED_URL_BUCKETS" in launcher.output


def test_effects_of_other_automations_are_not_checked(tmp_path: Path) -> None:
    """The run says so, counts none, makes nothing fail, and is a success by its events."""
    file = tmp_path / "mine.toml"
    file.write_text(
        """
        [[automation]]
        name = "mine"
        on = ["processing.run_failed"]
        [automation.upsert_marker]
        target_type = "run"
        target_id = "{event.run_id}"
        color = "blue"
        """
    )
    environment = EMBEDDED | {"AUTOMATIONS_FILE": str(file)}
    with Launcher(tmp_path / "build", "run", environment=environment) as launcher:
        assert launcher.end() == 0, launcher.output
        found = launcher.result()

        assert "mine.toml" in found["effects_unchecked"]
        assert "not checked" in launcher.output
        assert (found["lost"], found["markers"], found["markers_expected"]) == (0, None, None)
        assert (found["refusals_expected"], found["isolated_failures_expected"]) == (0, 0)


def test_an_api_that_is_not_ours(tmp_path: Path) -> None:
    """With a key it drains the API of that key, which tells nothing of itself but events."""
    with StandIn(StandInConfig(seed=11)) as foreign:
        foreign.control.runs(3)
        environment = EMBEDDED | {
            "VIDEO_VECTOR_BASE_URL": foreign.api_url,
            "VIDEO_VECTOR_API_KEY": foreign.keys["admin"],
        }
        with Launcher(tmp_path, "run", environment=environment) as launcher:
            assert launcher.end() == 0, launcher.output
            found = launcher.result()
            output = launcher.output
        journal = foreign.control.journal()

    assert (found["ok"], found["emitted"], found["lost"]) == (True, None, None)
    assert found["published"] == journal["emitted"]
    assert found["cursor"] == journal["last_event_id"]
    assert found["markers"] == len(journal["markers"]) > 0
    assert found["previews"] == found["previews_expected"] > 0
    assert found["snapshots"] == found["snapshots_expected"] > 0
    assert found["signed_urls"] == found["signed_urls_expected"] > 0
    assert foreign.keys["admin"] not in output


def test_an_api_that_refuses_fails_the_run(tmp_path: Path) -> None:
    """A key that the API does not know: exit 1, with the reason and without the key."""
    with StandIn(StandInConfig()) as foreign:
        environment = EMBEDDED | {
            "VIDEO_VECTOR_BASE_URL": foreign.api_url,
            "VIDEO_VECTOR_API_KEY": "sk_wrong_but_long_enough",
        }
        with Launcher(tmp_path, "run", environment=environment) as launcher:
            assert launcher.end() == 1, launcher.output

            assert "A window failed" in launcher.output
            assert "sk_wrong_but_long_enough" not in launcher.output


@pytest.mark.parametrize(
    ("environment", "names"),
    [
        ({"WINDOW_SECONDS": "soon", "LANES": "0"}, ["WINDOW_SECONDS", "LANES"]),
        ({"STREAMS": "{"}, ["STREAMS"]),
        ({"BACKEND": "aws"}, ["BACKEND"]),
        ({"VIDEO_VECTOR_BASE_URL": "http://127.0.0.1:9/api/v2"}, ["VIDEO_VECTOR_API_KEY"]),
        ({"AUTOMATIONS_FILE": "/nowhere/x.toml"}, ["AUTOMATIONS_FILE", "/nowhere/x.toml"]),
    ],
)
@pytest.mark.parametrize("command", ["run", "serve"])
def test_wrong_settings_end_at_once(
    tmp_path: Path, command: str, environment: dict[str, str], names: list[str]
) -> None:
    """Exit 2 with one message that names every wrong variable, and nothing was started."""
    with Launcher(tmp_path, command, environment=EMBEDDED | environment) as launcher:
        assert launcher.end() == 2

        assert all(name in launcher.output for name in names), launcher.output
        assert "Traceback" not in launcher.output
        assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize("command", ["run", "serve"])
def test_mistakes_in_the_automations_end_it(tmp_path: Path, command: str) -> None:
    """A file that is not in order ends it at once with exit 2, line and field."""
    file = tmp_path / "mine.toml"
    file.write_text('[[automation]]\nname = "x"\non = ["*"]\nwhen = "event."\n')
    environment = EMBEDDED | {"AUTOMATIONS_FILE": str(file)}
    with Launcher(tmp_path / "build", command, environment=environment) as launcher:
        assert launcher.end() == 2, launcher.output

        assert "mine.toml:4" in launcher.output
        assert "Traceback" not in launcher.output


def test_state_of_an_earlier_stand_in_is_not_used(tmp_path: Path) -> None:
    """A folder with somebody's cursors is refused and left as it is."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "documents.sqlite3").write_text("mine")
    environment = EMBEDDED | {"EMBEDDED_DIR": str(tmp_path / "state")}
    with Launcher(tmp_path / "build", "run", environment=environment) as launcher:
        assert launcher.end() == 2

        assert "EMBEDDED_DIR" in launcher.output
        assert (tmp_path / "state" / "documents.sqlite3").read_text() == "mine"


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (signal.SIGTERM, 143),
        (signal.SIGHUP, 129),
        (signal.SIGINT, 130),
        (signal.SIGKILL, -signal.SIGKILL),
    ],
)
def test_nothing_is_left_when_it_is_ended(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    """However the launcher is ended in mid-run, every process that it started ends."""
    with Launcher(tmp_path, "run", environment=EMBEDDED) as launcher:
        assert launcher.says("windows"), launcher.output
        sessions = launcher.sessions()
        # The stand-in, and a session for each function.
        started = len(sessions - {os.getsid(launcher.process.pid)})
        assert started == 1 + len(read_topology().functions), processes_of(sessions)

        assert launcher.end(number) == status, launcher.output
        assert until(lambda: not processes_of(sessions)), processes_of(sessions)
        assert "Traceback" not in launcher.output


@pytest.mark.emulator
def test_no_emulator_is_left_when_it_is_killed(emulators: Emulators, tmp_path: Path) -> None:
    """The emulators that were started for a run end with it, even if it has no chance to."""
    with Launcher(tmp_path, "run", environment={}) as launcher:
        assert launcher.says("Backend: gcp"), launcher.output
        sessions = launcher.sessions()
        running = processes_of(sessions)
        assert all(any(name in line for line in running) for name in ("java", "fake-gcs-server"))

        launcher.end(signal.SIGKILL)
        assert until(lambda: not processes_of(sessions)), processes_of(sessions)


def test_filtered_streams_want_what_the_api_sends() -> None:
    """With filters on every stream, the events that must arrive are those that they select."""
    with StandIn(StandInConfig(seed=5)) as standin:
        given = [
            {"event_type": kind, "run_id": "r"}
            for kind in ("processing.run_started", "processing.run_failed", "prompt_run.failed")
        ]
        ids = standin.control.events(*given)
        settings = drain_settings(
            {
                **EMBEDDED,
                "EMBEDDED_DIR": "x",
                "VIDEO_VECTOR_BASE_URL": standin.api_url,
                "VIDEO_VECTOR_API_KEY": standin.keys["read"],
                "STREAMS": '{"a": {"event_types": ["processing.run_failed"]},'
                ' "b": {"event_types": ["prompt_run.failed"]}, "c": {"run_id": "none"}}',
            }
        )
        streams = tuple(settings.streams.values())
        selected = selected_ids(Upstream(standin.api_url, standin.keys), streams)

    assert not selects_everything(streams)
    assert selected == set(ids[1:])
