"""`cli.concurrently`: several reads within one deadline."""

import threading

from videovector_bridge.cli.concurrently import Failure, run_concurrently
from videovector_bridge.errors import BackendError

PATIENCE = 20.0


def fail(error: Exception) -> None:
    """Raise an error."""
    raise error


def test_results_and_failures_are_by_name() -> None:
    """An error of one does not hide the others; a bug is called one, without secrets."""
    results = run_concurrently(
        {
            "good": lambda: 1,
            "away": lambda: fail(BackendError("Firestore is away.")),
            "bug": lambda: fail(KeyError("sk_live_0123456789")),  # pragma: allowlist secret
        },
        PATIENCE,
    )

    assert results["good"] == 1
    assert results["away"] == Failure("Firestore is away.")
    assert "bug in videovector-bridge" in results["bug"].why
    assert "0123456789" not in results["bug"].why


def test_a_task_that_hangs_is_abandoned() -> None:
    """The others have ended; its thread does not keep the process."""
    hanging = threading.Event()
    results = run_concurrently({"hangs": hanging.wait, "ends": lambda: 1}, 0.5)

    assert results == {"hangs": Failure("no answer within 0.5 s"), "ends": 1}
    assert all(each.daemon for each in threading.enumerate() if each.name == "hangs")
    hanging.set()


def test_all_run_at_once() -> None:
    """Each waits for the other."""
    barrier = threading.Barrier(2)

    def meet() -> bool:
        barrier.wait(PATIENCE)
        return True

    assert run_concurrently({"a": meet, "b": meet}, PATIENCE) == {"a": True, "b": True}
