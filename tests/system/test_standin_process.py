"""The stand-in as a process of its own: what `make standin` starts."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.standin import Control, StandIn, StandInConfig
from tests.support.standin_sse import frames, stream


@pytest.fixture
def process(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """The process once it has said all it says, and its endpoints file."""
    endpoints = tmp_path / "build" / "endpoints.json"
    command = [sys.executable, "-m", "infra.standin", "--endpoints", str(endpoints)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            yield running, endpoints
        finally:
            running.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_process_serves_until_told_to_stop(
    process: tuple[subprocess.Popen[str], Path], number: signal.Signals
) -> None:
    """It prints URL and keys, writes the endpoints, runs by itself, and cleans up at the end."""
    running, file = process
    assert running.stdout is not None
    said = []
    for line in running.stdout:
        said.append(line)
        if line.startswith("Ctrl-C"):
            break
    endpoints = json.loads(file.read_text())
    standin = StandIn(StandInConfig(api_keys=endpoints["api_keys"]))
    standin.api_url = endpoints["api_url"]

    with stream(standin) as response:
        reader = frames(response)
        first = next(reader).event
        running.send_signal(number)
        list(reader)  # raises if the stream does not end as it should

    assert endpoints["api_url"] in "".join(said)
    assert endpoints["api_keys"]["write"] in "".join(said)
    assert first["event_type"] == "processing.run_started"
    assert running.wait(10) == 0
    assert not file.exists()
    assert not Control(endpoints["control_url"]).healthy()


def test_answers_are_sent_without_delay() -> None:
    """Nagle's algorithm is off: head and body are two packets, 40 ms apart with it."""
    with StandIn() as standin:
        listener = standin._socket
        assert listener is not None

        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
