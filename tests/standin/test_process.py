"""The stand-in as a separate process, as `make standin` starts it."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.standin import Control, StandIn, StandInConfig
from tests.support.patience import PATIENCE_SECONDS
from tests.support.standin_sse import read_frames, stream


@pytest.fixture
def process(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """The process and the path of its endpoints file."""
    endpoints = tmp_path / "build" / "endpoints.json"
    command = [sys.executable, "-m", "infra.standin", "--endpoints", str(endpoints)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            yield running, endpoints
        finally:
            running.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_process_serves_until_a_signal(
    process: tuple[subprocess.Popen[str], Path], number: signal.Signals
) -> None:
    """It prints URL and keys, writes the endpoints file, emits events, and removes the file."""
    running, path = process
    assert running.stdout is not None
    lines = []
    for line in running.stdout:
        lines.append(line)
        if line.startswith("Ctrl-C"):
            break
    endpoints = json.loads(path.read_text())
    standin = StandIn(StandInConfig(api_keys=endpoints["api_keys"]))
    standin.api_url = endpoints["api_url"]

    with stream(standin) as response:
        reader = read_frames(response)
        first = next(reader).event
        running.send_signal(number)
        list(reader)  # raises if the stream does not end cleanly

    assert endpoints["api_url"] in "".join(lines)
    assert endpoints["api_keys"]["write"] in "".join(lines)
    assert first["event_type"] == "processing.run_started"
    assert running.wait(PATIENCE_SECONDS) == 0
    assert not path.exists()
    assert not Control(endpoints["control_url"]).healthy()


def test_responses_are_sent_without_delay() -> None:
    """Nagle's algorithm is off: with it, the body would be 40 ms later than the head."""
    with StandIn() as standin:
        listener = standin._listener
        assert listener is not None

        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
