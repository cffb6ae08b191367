"""Run several reads at once, within one deadline: the slowest never delays the others."""

import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from videovector_bridge.errors import BridgeError
from videovector_bridge.redact import clean_text


@dataclass(frozen=True, slots=True)
class Failure:
    """A read that failed or did not end: why, as a sentence."""

    why: str


def run_concurrently(tasks: Mapping[str, Callable[[], Any]], seconds: float) -> dict[str, Any]:
    """Return the result of each task, or a `Failure`; all within `seconds`.

    A task that does not end is abandoned: its thread does not keep the process alive.
    """
    deadline = time.monotonic() + seconds
    ended: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()

    def run(name: str, task: Callable[[], Any]) -> None:
        ended.put((name, _run(task)))

    for name, task in tasks.items():
        threading.Thread(target=run, args=(name, task), name=name, daemon=True).start()
    results: dict[str, Any] = {}
    while len(results) < len(tasks):
        try:
            name, result = ended.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        results[name] = result
    late = Failure(f"no answer within {seconds:g} s")
    return {name: results.get(name, late) for name in tasks}


def _run(task: Callable[[], Any]) -> Any:
    try:
        return task()
    except BridgeError as error:
        return Failure(clean_text(str(error), limit=1_000))
    except Exception as error:  # noqa: BLE001 - one wrong source must not hide the others
        text = clean_text(f"{type(error).__name__}: {error}")
        return Failure(f"this is a bug in videovector-bridge, please report it: {text}")
