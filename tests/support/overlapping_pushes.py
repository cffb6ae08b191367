"""Overlapping pushes to a function, while VideoVector fails, loses responses and is late."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

from infra.standin import StandIn
from tests.support.contexts import with_effects
from tests.support.deployed_function import DeployedFunction
from tests.support.event_messages import message_of
from tests.support.markers import PUT

THREADS = 6
TIMEOUT_SECONDS = 0.2
"""API_TIMEOUT_SECONDS of these functions."""
LATE_SECONDS = 0.4  # a request with this delay takes effect after its sender's timeout


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self._tick = 0

    def __call__(self) -> float:
        """The current time, never the same twice, so that claims differ."""
        self._tick += 1
        return self.now + self._tick * 1e-6


def stop_clock(deployed: DeployedFunction) -> Clock:
    """Let the effects of a function use a clock that the test moves."""
    clock = Clock()
    deployed.change(with_effects(now=clock))
    return clock


def let_everything_land(standin: StandIn) -> None:
    """Wait until no earlier request can take effect any more.

    The wait runs on the stand-in's event loop, after the earlier requests.
    """
    assert standin._server is not None
    assert standin._server.loop is not None
    wait = asyncio.sleep(2 * LATE_SECONDS)
    asyncio.run_coroutine_threadsafe(wait, standin._server.loop).result()


def push_at_once(deployed: DeployedFunction, events: list[dict[str, Any]]) -> list[int]:
    """Deliver events by several threads at once. Returns the statuses in order."""
    app = deployed.app

    def push(one: dict[str, Any]) -> int:
        message = message_of(one)
        response = app.test_client().post("/", data=message.data, headers=dict(message.attributes))
        return response.status_code

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(push, events))


def draw_faults(random: Random, requests: int) -> list[dict[str, Any]]:
    """Draw a fault for each of so many requests; half of the requests have none."""
    fine: dict[str, Any] = {"kind": "delay", "seconds": 0}
    troubles: list[dict[str, Any]] = [
        {"kind": "delay", "seconds": LATE_SECONDS},
        {"kind": "drop", "act": True},
        {"kind": "drop", "act": False},
        {"kind": "drop", "act": True, "reset": True},
        {"kind": "status", "status": 503},
        {"kind": "status", "status": 429},
        {"kind": "status", "status": 504},
    ]
    fates = (random.choice((fine, random.choice(troubles))) for _ in range(requests))
    return [{"on": PUT, **fate} for fate in fates]


def newest_by_run(events: list[dict[str, Any]]) -> dict[str, str]:
    """The event that determines the marker of each run."""
    by_run: dict[str, str] = {}
    for one in sorted(events, key=lambda one: (one["created_at"], one["event_id"])):
        by_run[one["run_id"]] = one["event_id"]
    return by_run


def push_until_acknowledged(
    deployed: DeployedFunction, events: list[dict[str, Any]], random: Random, clock: Clock
) -> None:
    """Deliver every event in random order, twice and overlapping, until it is acknowledged."""
    waiting = events
    for _ in range(100):
        batch = waiting * 2
        random.shuffle(batch)
        statuses = push_at_once(deployed, batch)
        assert set(statuses) <= {200, 503}
        acked = {one["event_id"] for one, code in zip(batch, statuses, strict=True) if code == 200}
        waiting = [one for one in waiting if one["event_id"] not in acked]
        if not waiting:
            break
        let_everything_land(deployed.standin)
        clock.now += 60
    assert waiting == []
    let_everything_land(deployed.standin)
