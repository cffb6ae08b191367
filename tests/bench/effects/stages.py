"""The stages of push requests, read from the logs of the functions."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from infra.local.clouds.push_request import Push, Pushes
from tests.bench.effects.probe import LOGGED

STAGES: Final = ("cloud", "function", "open", "store", "api", "publish", "files", "rest")
_QUIET_SECONDS: Final = 2.0
_LONGEST_SECONDS: Final = 240.0


class StageLog:
    """Reads the lines that the probe has logged since the last call of `read`."""

    def __init__(self, logs: Iterable[Path]) -> None:
        self._logs = list(logs)
        self._read_lines = 0
        self._sent: dict[tuple[str, str], float] = {}

    @contextmanager
    def recorded_pushes(self) -> Iterator[None]:
        """Record when each push request of this process begins, until the end of the block."""
        send, sent = Pushes.send, self._sent

        def record(self: Pushes, push: Push) -> bool:
            sent[self.name, push.message_id] = time.time()
            return send(self, push)

        with patch.object(Pushes, "send", record):
            yield

    def read(self, least: int) -> list[dict[str, float]]:
        """Wait for at least so many requests, and until no more come; return their stages.

        Returns milliseconds by stage, and the `total`. Requests without an effect are left out.
        Raises `RuntimeError` if there are too few.
        """
        ends_at = time.monotonic() + _LONGEST_SECONDS
        lines, quiet_at = self._lines(), time.monotonic() + _QUIET_SECONDS
        while len(lines) < self._read_lines + least or time.monotonic() < quiet_at:
            if time.monotonic() > ends_at:
                raise RuntimeError(
                    f"{len(lines) - self._read_lines} of {least} requests were logged."
                )
            time.sleep(0.1)
            now = self._lines()
            if len(now) > len(lines):
                lines, quiet_at = now, time.monotonic() + _QUIET_SECONDS
        new, self._read_lines = lines[self._read_lines :], len(lines)
        done = [line for line in new if line["status"] == 200 and "store" in line["stages"]]
        return [self._stages(line) for line in done]

    def _lines(self) -> list[dict[str, Any]]:
        texts = [log.read_text(encoding="utf-8") for log in self._logs if log.exists()]
        lines = [json.loads(t) for text in texts for t in text.splitlines() if LOGGED in t]
        return sorted(lines, key=lambda line: float(line["ended_at"]))

    def _stages(self, line: Mapping[str, Any]) -> dict[str, float]:
        published = datetime.fromisoformat(line["published_at"]).timestamp()
        sent = self._sent[line["subscription"], line["message_id"]]
        started, ended = line["started_at"], line["ended_at"]
        seconds = {"cloud": sent - published, "function": started - sent, **line["stages"]}
        seconds["rest"] = ended - started - sum(line["stages"].values())
        seconds["total"] = ended - published
        return {stage: second * 1_000 for stage, second in seconds.items()}
