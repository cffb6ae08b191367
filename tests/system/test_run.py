"""`make run` from end to end, in a process of its own."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from infra.local.clouds.emulators import Emulators
from infra.local.configuration import selects_everything
from infra.local.processes.upstream import Upstream
from infra.local.scenario.selected import fetch_selected_ids
from infra.local.topology import read_topology
from infra.standin import StandIn, StandInConfig
from tests.support.launcher import Launcher, processes_of
from tests.support.patience import until
from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.cli.cost.measured import read_measured
from videovector_bridge.settings.drain import drain_settings

EMBEDDED = {"BACKEND": "embedded"}
SINGLE_TARGETS = ("upsert_marker", "delete_marker", "issue_signed_url", "store_preview")
"""The actions that read and write the record of one target."""


def assert_passed(launcher: Launcher, backend: str) -> None:
    """The run passed, and its numbers are consistent."""
    assert launcher.end() == 0, launcher.output
    result = launcher.result()
    assert result["ok"] is True
    assert result["problems"] == []
    assert result["backend"] == backend
    assert result["emitted"] == result["published"] > 200
    assert result["lost"] == 0
    assert result["webhooks"] == result["webhooks_expected"] > 100
    assert result["webhook_repeats"] >= 1
    minimum = {
        "markers": 3,
        "markers_deleted": 3,
        "signed_urls": 50,
        "previews": 30,
        "snapshots": 20,
        "matches": 20,
    }
    for kind, number in minimum.items():
        assert result[kind] == result[f"{kind}_expected"] > number
    assert result["surplus"] == []
    # One run of every four fails first. The second batch is repeated if no window was killed in it.
    assert result["red_no_more"] >= 3
    # An event that is published twice is refused twice.
    assert result["rejected"] >= result["refusals"] == result["refusals_expected"] == 2
    assert result["redriven"] == result["redriven_expected"] == 2
    # The ends of a run and of its two videos, on two channels.
    assert result["reconciled"] == result["reconciled_expected"] == 6
    assert result["reconcile_runs"] >= 2
    assert result["isolated_failures"] == result["isolated_failures_expected"] == 3
    assert result["windows"] >= 3
    assert result["killed_windows"] == 1
    assert result["reconnects"] >= 1
    assert result["cursor"].startswith("evt_")
    assert result["costs"].keys() == ACTIONS.keys()
    assert result["costs"]["upsert_marker"]["api_calls"] >= 1
    assert 0 < result["first_event_seconds"] < result["seconds"]
    assert 0 < result["effect_ms"]["p50"] <= result["effect_ms"]["p99"]
    assert not launcher.endpoints_file.exists()


def assert_costs_as_planned(result: dict[str, Any], logs: Path) -> None:
    """Documents of effects and log lines are those of the cost planner, within 25 %.

    An average has a few refusals and repeats, which cost more. A window that is killed writes no
    line; one that finds the lease of another does.
    """
    planned = read_measured()
    costs = {name: result["costs"][name] for name in SINGLE_TARGETS}
    for name in ("reads", "writes"):
        counted = sum(cost["events"] * cost[name] for cost in costs.values())
        expected = sum(
            cost["events"] * getattr(planned.actions[action], name)
            for action, cost in costs.items()
        )
        assert counted == pytest.approx(expected, rel=0.25), name
    windows = read_lines(logs / "drain.log", "drain.window_closed")
    ended = result["windows"] - result["killed_windows"] + result["busy_windows"]
    assert ended <= len(windows) <= ended + 1  # the last may end after the result
    for lines, size in (
        (windows, planned.logs["window"]),
        (read_lines(logs / "snapshot-media.log", "snapshot_media.done"), planned.logs["message"]),
        (read_lines(logs / "receive-webhook.log", "webhook.accepted"), planned.logs["delivery"]),
        (read_lines(logs / "reconcile.log", "reconcile.done"), planned.logs["reconcile"]),
    ):
        assert sum(map(len, lines)) / len(lines) == pytest.approx(size, rel=0.25)


def read_lines(log: Path, event: str) -> list[bytes]:
    """The lines of one event in a log."""
    return [line for line in log.read_bytes().splitlines() if f'"event":"{event}"'.encode() in line]


def test_embedded(tmp_path: Path) -> None:
    """Without gcloud and Java, everything arrives, a killed window is resumed, exit status 0."""
    with Launcher(tmp_path, "run", environment=EMBEDDED) as launcher:
        assert_passed(launcher, "embedded")
        assert_costs_as_planned(launcher.result(), tmp_path / "logs" / "run")

        assert "BACKEND=embedded is set" in launcher.output
        assert "1 killed" in launcher.output


@pytest.mark.emulator
def test_emulators(emulators: Emulators, tmp_path: Path) -> None:
    """The same with Google's emulators, which push to the functions."""
    with Launcher(tmp_path, "run", environment={}) as launcher:
        assert_passed(launcher, "gcp")

        assert "Backend: gcp, on Google's emulators" in launcher.output


def test_missing_effects_fail_the_run(tmp_path: Path) -> None:
    """URLs for a bucket that is not allowed are missing: exit status 1, with names and reason."""
    environment = EMBEDDED | {"SIGNED_URL_BUCKETS": ""}
    with Launcher(tmp_path, "run", environment=environment) as launcher:
        assert launcher.end() == 1, launcher.output
        result = launcher.result()

        assert result["ok"] is False
        assert (result["lost"], result["signed_urls"]) == (0, 0)
        assert result["rejected"] > 20
        assert any(each.startswith("URL of gs://") for each in result["missing"])
        assert "URL of gs://" in launcher.output
        assert "bucket_not_allowed" in launcher.output
        assert "SIGNED_URL_BUCKETS" in launcher.output


def test_effects_of_other_automations_are_not_checked(tmp_path: Path) -> None:
    """The run reports this, counts none, causes no failures, and passes if its events arrive."""
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
        result = launcher.result()

        assert "mine.toml" in result["effects_unchecked"]
        assert "not checked" in launcher.output
        assert (result["lost"], result["markers"], result["markers_expected"]) == (0, None, None)
        assert (result["refusals_expected"], result["isolated_failures_expected"]) == (0, 0)
        # Events that never come are repaired whatever the automations are.
        assert result["reconciled"] == result["reconciled_expected"] == 6


def test_a_real_api(tmp_path: Path) -> None:
    """With a key, it drains the API of that key, which reports nothing but events."""
    with StandIn(StandInConfig(seed=11)) as real:
        real.control.runs(3)
        environment = EMBEDDED | {
            "VIDEO_VECTOR_BASE_URL": real.api_url,
            "VIDEO_VECTOR_API_KEY": real.keys["admin"],
        }
        with Launcher(tmp_path, "run", environment=environment) as launcher:
            assert launcher.end() == 0, launcher.output
            result = launcher.result()
            output = launcher.output
        journal = real.control.journal()

    assert (result["ok"], result["emitted"], result["lost"]) == (True, None, None)
    assert result["published"] == journal["emitted"]
    assert result["cursor"] == journal["last_event_id"]
    assert result["markers"] == len(journal["markers"]) > 0
    assert result["previews"] == result["previews_expected"] > 0
    assert result["snapshots"] == result["snapshots_expected"] > 0
    assert result["signed_urls"] == result["signed_urls_expected"] > 0
    assert real.keys["admin"] not in output


def test_an_api_that_refuses_the_key_fails_the_run(tmp_path: Path) -> None:
    """Exit status 1, with the reason and without the key."""
    with StandIn(StandInConfig()) as real:
        environment = EMBEDDED | {
            "VIDEO_VECTOR_BASE_URL": real.api_url,
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
    """Exit status 2, with every wrong variable, and nothing was started."""
    with Launcher(tmp_path, command, environment=EMBEDDED | environment) as launcher:
        assert launcher.end() == 2

        assert all(name in launcher.output for name in names), launcher.output
        assert "Traceback" not in launcher.output
        assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize("command", ["run", "serve"])
def test_mistakes_in_the_automations_end_it(tmp_path: Path, command: str) -> None:
    """An invalid file ends it at once with exit status 2, and the line."""
    file = tmp_path / "mine.toml"
    file.write_text('[[automation]]\nname = "x"\non = ["*"]\nwhen = "event."\n')
    environment = EMBEDDED | {"AUTOMATIONS_FILE": str(file)}
    with Launcher(tmp_path / "build", command, environment=environment) as launcher:
        assert launcher.end() == 2, launcher.output

        assert "mine.toml:4" in launcher.output
        assert "Traceback" not in launcher.output


def test_state_of_an_earlier_stand_in_is_not_used(tmp_path: Path) -> None:
    """A folder with cursors is refused and not changed."""
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
def test_no_process_is_left_after_a_signal(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    """Every signal, even SIGKILL, ends every process that the launcher started."""
    with Launcher(tmp_path, "run", environment=EMBEDDED) as launcher:
        assert launcher.prints("windows"), launcher.output
        sessions = launcher.sessions()
        # The stand-in, and a session for each function.
        started = len(sessions - {os.getsid(launcher.process.pid)})
        assert started == 1 + len(read_topology().functions), processes_of(sessions)

        assert launcher.end(number) == status, launcher.output
        assert until(lambda: not processes_of(sessions)), processes_of(sessions)
        assert "Traceback" not in launcher.output


@pytest.mark.emulator
def test_no_emulator_is_left_when_it_is_killed(emulators: Emulators, tmp_path: Path) -> None:
    """The emulators of a run end with it, even after SIGKILL."""
    with Launcher(tmp_path, "run", environment={}) as launcher:
        assert launcher.prints("Backend: gcp"), launcher.output
        sessions = launcher.sessions()
        running = processes_of(sessions)
        assert all(any(name in line for line in running) for name in ("java", "fake-gcs-server"))

        launcher.end(signal.SIGKILL)
        assert until(lambda: not processes_of(sessions)), processes_of(sessions)


def test_filtered_streams_require_the_selected_events() -> None:
    """If every stream has a filter, the events that must arrive are those that they select."""
    with StandIn(StandInConfig(seed=5)) as standin:
        events = [
            {"event_type": kind, "run_id": "r"}
            for kind in ("processing.run_started", "processing.run_failed", "prompt_run.failed")
        ]
        ids = standin.control.events(*events)
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
        selected = fetch_selected_ids(Upstream(standin.api_url, standin.keys), streams)

    assert not selects_everything(streams)
    assert selected == set(ids[1:])
