"""`ingest.deadline`: the time that is left."""

from videovector_bridge.ingest.deadline import Deadline


def test_the_first_end_counts() -> None:
    """The end of the window or of the lease, whichever is earlier, by the clock."""
    now = [100.0]
    deadline = Deadline(110.0, 105.0, clock=lambda: now[0])
    assert deadline.seconds_left() == 5.0
    deadline.renew(120.0)
    assert deadline.seconds_left() == 10.0
    now[0] = 111.0
    assert deadline.seconds_left() == -1.0


def test_a_cancelled_deadline_allows_no_request() -> None:
    """Not even when the lease is renewed after that."""
    deadline = Deadline(110.0, 105.0, clock=lambda: 100.0)
    deadline.cancel()
    deadline.renew(120.0)

    assert deadline.seconds_left() == 0.0
