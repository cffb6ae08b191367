"""The two functions that write markers, and the markers that VideoVector then has."""

from collections.abc import Callable
from typing import Any

from tests.support.automations import GONE, RED
from tests.support.deployed_function import DeployedFunction
from tests.support.event_messages import event

LIST, PUT, DELETE = "GET /markers", "PUT /markers", "DELETE /markers/{marker_id}"
Deploy = Callable[[str], DeployedFunction]


def completed(name: str = "evt_9", second: int = 9, **fields: Any) -> dict[str, Any]:
    """An event about a run that completed."""
    return event(name, second, event_type="prompt_run.completed", **fields)


class MarkerFunctions:
    """`upsert_markers` and `delete_markers` over one backend, with one automations file."""

    def __init__(self, deploy: Deploy, *automations: str) -> None:
        self.upserts = deploy("upsert_markers")
        self.deletes = deploy("delete_markers")
        self.deletes.automations(*(automations or (RED, GONE)))

    def push(self, *events: dict[str, Any]) -> dict[str, Any]:
        """Deliver events to both functions. Returns the markers that exist then."""
        for pushed in events:
            assert self.upserts.push(pushed) == 200
            assert self.deletes.push(pushed) == 200
        return self.deletes.markers()

    def lose_the_response(self) -> None:
        """Upsert a marker without a response, so that its id is unknown."""
        self.upserts.standin.control.faults({"on": PUT, "kind": "drop", "act": True})
        assert self.upserts.push(event()) == 503
