"""`make serve` in a process of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.cloud.storage import Client
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from infra.local.clouds.emulators import Emulators
from infra.local.processes.functions import ROOT
from infra.local.topology import read_topology
from tests.support.launcher import Launcher, processes_of
from tests.support.patience import until
from videovector_bridge.backends.embedded.topics import MessageLog
from videovector_bridge.backends.gcp.channels import open_transport

EMBEDDED = {"BACKEND": "embedded"}
KEYS = {
    *("api_url", "api_keys", "project_id", "pubsub_emulator_host", "firestore_emulator_host"),
    *("storage_emulator_host", "functions", "webhook_secrets_file"),
}
FAILED_RUN = {"event_type": "processing.run_failed", "run_id": "run_mine"}


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """The folder for temporary files of `quiet`."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


@pytest.fixture
def quiet(tmp_path: Path, temporary: Path) -> Iterator[tuple[Launcher, dict[str, Any]]]:
    """A served embedded stack without a scheduler, and its endpoints."""
    environment = EMBEDDED | {"SCHEDULE_SECONDS": "0", "IDLE_SECONDS": "1", "MAX_EVENTS": "50"}
    environment["TMPDIR"] = str(temporary)
    with Launcher(tmp_path, "serve", environment=environment) as launcher:
        yield launcher, launcher.endpoints()


def drain(endpoints: dict[str, Any]) -> dict[str, Any]:
    """Run a window; return its response."""
    response: dict[str, Any] = httpx.post(endpoints["functions"]["drain"], timeout=60).json()
    return response


def emit(endpoints: dict[str, Any], event: dict[str, Any]) -> str:
    """Emit an event at the stand-in; return its id."""
    response = httpx.post(endpoints["control_url"] + "/events", json=[event]).json()
    event_id: str = response["event_ids"][0]
    return event_id


def color_of_my_run(endpoints: dict[str, Any]) -> str | None:
    """The colour of the marker on the run that `FAILED_RUN` is about."""
    headers = {"X-API-Key": endpoints["api_keys"]["read"]}
    markers = httpx.get(endpoints["api_url"] + "/markers", headers=headers).json()
    return next((m["color"] for m in markers if m["target_id"] == FAILED_RUN["run_id"]), None)


def test_the_command_line_manages_the_webhook(quiet: tuple[Launcher, dict[str, Any]]) -> None:
    """With the addresses in the file, it rotates the secret, and a test event arrives."""
    _, endpoints = quiet
    environment = os.environ | {
        "PYTHONPATH": "functions",
        "VIDEO_VECTOR_BASE_URL": endpoints["api_url"],
        "VIDEO_VECTOR_API_KEY": endpoints["api_keys"]["write"],
        "BACKEND": "embedded",
        "EMBEDDED_DIR": endpoints["embedded_dir"],
    }
    secrets_file = endpoints["webhook_secrets_file"]

    for command in (["rotate", "--grace", "0s", "--secret-file", secrets_file], ["test"]):
        completed = subprocess.run(
            [sys.executable, "-m", "videovector_bridge.cli", "webhook", *command],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert completed.returncode == 0, completed.stderr
    assert "was seen on" in completed.stderr


def test_the_addresses_in_the_file_work(quiet: tuple[Launcher, dict[str, Any]]) -> None:
    """An event at the stand-in leads to a message after a window, and to a marker."""
    _, endpoints = quiet
    event_id = emit(endpoints, FAILED_RUN)

    def published() -> bool:
        drain(endpoints)
        messages = MessageLog(Path(endpoints["embedded_dir"])).read("events", limit=10_000)
        return event_id in {each.message.attributes["ce-id"] for each in messages}

    assert set(endpoints) >= KEYS
    assert set(endpoints["api_keys"]) == {"admin", "write", "read", "search"}
    assert endpoints["project_id"] is endpoints["storage_emulator_host"] is None
    assert set(endpoints["functions"]) == set(read_topology().functions)
    assert all(url.startswith("http://127.0.0.1:") for url in endpoints["functions"].values())
    assert until(published)
    assert until(lambda: color_of_my_run(endpoints) == "red")


def test_a_function_that_is_killed_is_restarted(quiet: tuple[Launcher, dict[str, Any]]) -> None:
    """The restart is reported, and the function has the same address."""
    launcher, endpoints = quiet
    pids = subprocess.check_output(["pgrep", "-f", "functions_framework.*drain"], text=True)
    ours = [int(line) for line in pids.split() if os.getsid(int(line)) in launcher.sessions()]
    assert ours
    for pid in ours:
        os.kill(pid, signal.SIGKILL)

    assert launcher.prints("Function drain ended by itself")
    assert until(lambda: drain(endpoints)["outcome"] != "failed")


def test_a_stand_in_that_is_killed_ends_the_stack(quiet: tuple[Launcher, dict[str, Any]]) -> None:
    """The stand-in's events are lost, so the stack reports it, stops, and exits with status 1."""
    launcher, _ = quiet
    sessions = launcher.sessions()
    pids = subprocess.check_output(["pgrep", "-f", "infra.standin"], text=True)
    for pid in map(int, pids.split()):
        if os.getsid(pid) in sessions:
            os.kill(pid, signal.SIGKILL)

    assert launcher.end() == 1
    assert "The stand-in API ended by itself" in launcher.output
    assert not launcher.endpoints_file.exists()
    assert until(lambda: not processes_of(sessions))


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)]
)
def test_nothing_is_left_after_a_signal(
    quiet: tuple[Launcher, dict[str, Any]],
    temporary: Path,
    number: signal.Signals,
    status: int,
) -> None:
    """Every process ends; except after SIGKILL, temporary files and the endpoints are removed."""
    launcher, endpoints = quiet
    sessions = launcher.sessions()
    files = (endpoints["embedded_dir"], endpoints["webhook_secrets_file"])
    assert all(Path(file).exists() and Path(file).is_relative_to(temporary) for file in files)

    assert launcher.end(number) == status
    assert launcher.endpoints_file.exists() is (number == signal.SIGKILL)
    assert until(lambda: not processes_of(sessions)), processes_of(sessions)
    assert bool(list(temporary.iterdir())) is (number == signal.SIGKILL)


def test_the_scheduler_runs_windows(tmp_path: Path) -> None:
    """Window follows window, and each outcome is printed."""
    environment = EMBEDDED | {"SCHEDULE_SECONDS": "0.1", "MAX_EVENTS": "5"}
    with Launcher(tmp_path, "serve", environment=environment) as launcher:
        assert until(lambda: launcher.output.count("drained") >= 3), launcher.output


@pytest.fixture
def path_without_gcloud(tmp_path: Path) -> Path:
    """A folder with only the programs that the launcher's children need."""
    folder = tmp_path / "sdk" / "bin"
    folder.mkdir(parents=True)
    for name in ("pkill", "java", "sleep", "sh"):
        program = shutil.which(name)
        if program:
            (folder / name).symlink_to(program)
    return folder


def test_without_gcloud_the_backend_is_embedded(path_without_gcloud: Path, tmp_path: Path) -> None:
    """Without gcloud the embedded backend is used, and the reason is printed."""
    environment = {"PATH": str(path_without_gcloud), "SCHEDULE_SECONDS": "0"}
    with Launcher(tmp_path / "build", "serve", environment=environment) as launcher:
        endpoints = launcher.endpoints()

        assert endpoints["backend"] == "embedded"
        assert "Backend: embedded." in launcher.output
        assert "no gcloud" in launcher.output


@pytest.mark.skipif(not shutil.which("java"), reason="without Java gcloud is not run")
def test_a_gcloud_that_hangs_is_given_up(path_without_gcloud: Path, tmp_path: Path) -> None:
    """After the timeout the embedded backend is used, and no process of gcloud is left."""
    gcloud = path_without_gcloud / "gcloud"
    gcloud.write_text("#!/bin/sh\nsleep 600 & sleep 600\n")
    gcloud.chmod(0o755)
    environment = {"PATH": str(path_without_gcloud), "SCHEDULE_SECONDS": "0"}
    arguments = ("serve", "--emulator-seconds", "1")
    with Launcher(tmp_path / "build", *arguments, environment=environment) as launcher:
        endpoints = launcher.endpoints()

        assert endpoints["backend"] == "embedded"
        assert "did not respond within 1 s" in launcher.output
        assert not [line for line in processes_of(launcher.sessions()) if "sleep 600" in line]


def test_backend_gcp_is_not_replaced_by_embedded(path_without_gcloud: Path, tmp_path: Path) -> None:
    """BACKEND=gcp without emulators ends with exit status 2 and the reason."""
    environment = {"PATH": str(path_without_gcloud), "BACKEND": "gcp"}
    with Launcher(tmp_path / "build", "serve", environment=environment) as launcher:
        assert launcher.end() == 2
        assert "BACKEND" in launcher.output
        assert "no gcloud" in launcher.output


@pytest.mark.emulator
@pytest.mark.filterwarnings("ignore:The return_immediately flag:DeprecationWarning")
def test_other_programs_can_use_the_emulators(
    emulators: Emulators, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the addresses in the file, a subscription of another program gets the event."""
    environment = {"IDLE_SECONDS": "1", "MAX_EVENTS": "50", "SCHEDULE_SECONDS": "0"}
    environment |= emulators.environment | {"EVENTS_TOPIC": "mine"}
    with Launcher(tmp_path, "serve", environment=environment) as launcher:
        endpoints = launcher.endpoints()
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", endpoints["pubsub_emulator_host"])
        transport = open_transport(SubscriberGrpcTransport, "PUBSUB_EMULATOR_HOST")
        with SubscriberClient(transport=transport) as subscriber:
            project = f"projects/{endpoints['project_id']}"
            path = f"{project}/subscriptions/mine-{uuid.uuid4().hex[:8]}"
            subscriber.create_subscription(name=path, topic=f"{project}/topics/mine")
            event_id = emit(endpoints, FAILED_RUN)
            received: set[str] = set()

            def arrived() -> bool:
                drain(endpoints)
                response = subscriber.pull(
                    subscription=path, max_messages=1_000, return_immediately=True
                )
                received.update(m.message.attributes["ce-id"] for m in response.received_messages)
                if response.received_messages:
                    ids = [m.ack_id for m in response.received_messages]
                    subscriber.acknowledge(subscription=path, ack_ids=ids)
                return event_id in received

            assert until(arrived)
        assert until(lambda: color_of_my_run(endpoints) == "red")
        assert endpoints["firestore_emulator_host"] == emulators.firestore_host
        assert endpoints["storage_emulator_host"] == emulators.storage_host
        assert json.loads(json.dumps(endpoints)) == endpoints


@pytest.mark.emulator
def test_buckets_are_created_and_end_with_the_stack(
    emulators: Emulators, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The started Cloud Storage emulator has the buckets of the settings."""
    environment = {"SCHEDULE_SECONDS": "0", "CLAIM_BUCKET": "claims"} | {
        name: host for name, host in emulators.environment.items() if "STORAGE" not in name
    }
    with Launcher(tmp_path, "serve", environment=environment) as launcher:
        endpoints = launcher.endpoints()
        sessions = launcher.sessions()
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", endpoints["storage_emulator_host"])
        names = [bucket.name for bucket in Client(project="any-project").list_buckets()]

        assert endpoints["storage_emulator_host"] != emulators.storage_host
        assert sorted(names) == ["claims", "previews"]
        assert any("fake-gcs-server" in line for line in processes_of(sessions))
        assert launcher.end(signal.SIGTERM) == 143
        assert until(lambda: not processes_of(sessions)), processes_of(sessions)
