"""What a message of `reconcile` costs in Firestore, and a run without any: as the planner says.

The messages are those of 40 runs of the stand-in, drained through the bridge.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from infra.standin import StandIn, StandInConfig
from tests.support import ROOT
from tests.support.hosting import host
from tests.support.memory_ports import MemoryPorts
from tests.support.patience import until
from tests.support.reconciling import Bridge
from tests.support.topic_subscriber import Subscriber
from tests.support.watched_ports import FailingReads, watched
from videovector_bridge.backends import BackendSettings
from videovector_bridge.backends.ports import Message
from videovector_bridge.backends.pubsub_filter import parse_filter
from videovector_bridge.backends.reading_ports import PulledMessage
from videovector_bridge.cli.cost.measured import read_measured
from videovector_bridge.settings.reconcile import ReconcileSettings
from videovector_bridge.watch.reconcile.endpoint import Endpoint, entry_point
from videovector_bridge.watch.reconcile.reconciler import Clients
from videovector_bridge.watch.reconcile.sightings import collect_sightings
from videovector_bridge.watch.reconcile.work_store import WorkStore

MEASURED = read_measured()
RUNS = 40


class RealMix(Bridge):
    """A bridge that has drained runs of the stand-in."""

    def drained(self) -> list[Message]:
        """Return all messages of topic `events`."""
        self.standin.control.runs(RUNS, videos_per_run=3, events_per_second=2_000.0)
        assert until(lambda: not self.standin.control.journal(ids=False)["runs_active"])
        self.drain()
        emitted = self.standin.control.journal()["event_ids"]
        return Subscriber(self.settings, "events").receive(len(emitted))


@pytest.fixture
def standin() -> Iterator[StandIn]:
    """A stand-in with its whole library."""
    with StandIn(StandInConfig()) as running:
        yield running


@pytest.fixture
def bridge(standin: StandIn, embedded_settings: BackendSettings) -> RealMix:
    """A bridge over the embedded backend."""
    return RealMix(standin, embedded_settings)


def of_reconcile(messages: Sequence[Message]) -> list[PulledMessage]:
    """The messages that the filter of subscription `reconcile` passes."""
    content = json.loads((ROOT / "infra" / "topology.json").read_text(encoding="utf-8"))
    passes = parse_filter(content["subscriptions"]["reconcile"]["filter"])
    now = datetime.now(UTC)
    return [
        PulledMessage("ack", "id", message, now)
        for message in messages
        if passes(message.attributes)
    ]


def test_messages_have_the_planned_size_and_mix(bridge: RealMix) -> None:
    """Within 10 %: attributes, and the share that `reconcile` gets. Data is at most as large."""
    messages = bridge.drained()
    attributes = sum(
        len(name) + len(value) for each in messages for name, value in each.attributes.items()
    )
    data = sum(len(each.data) for each in messages)

    assert len(messages) > 10 * RUNS
    assert attributes / len(messages) == pytest.approx(MEASURED.event["attribute_bytes"], rel=0.1)
    share = len(of_reconcile(messages)) / len(messages)
    assert share == pytest.approx(MEASURED.event["reconciled_share"], rel=0.1)
    assert data / len(messages) <= MEASURED.event["data_bytes"]


def test_a_message_costs_what_is_planned(bridge: RealMix) -> None:
    """Within 5 %, if work starts in one run of `reconcile` and ends in another."""
    pulled = of_reconcile(bridge.drained())
    starts = [each for each in pulled if each.message.attributes["ce-type"].endswith("started")]
    ends = [each for each in pulled if each not in starts]
    calls: Counter[str] = Counter()
    ports = MemoryPorts(lambda step: calls.update([step]))
    store = WorkStore(ports, ports)
    for group in (starts, ends):
        for sighting in collect_sightings(group).values():
            store.apply(sighting, timeout=10)

    planned = MEASURED.reconcile
    for name in ("read", "write", "delete"):
        counted = calls[f"before {name}"] / len(pulled)
        assert counted == pytest.approx(planned[f"message_{name}s"], rel=0.05), name
    # Each piece of work leaves one document, which its TTL deletes.
    work = len(ports.fields("finished"))
    assert not ports.fields("open")
    assert work / len(pulled) == pytest.approx(planned["message_ttl_deletes"], rel=0.15)
    assert work / len(pulled) == pytest.approx(planned["work_share"], rel=0.15)


def test_a_run_without_messages_costs_what_is_planned(bridge: RealMix) -> None:
    """A read for the empty list of open work is among them: Firestore charges for it."""
    documents = FailingReads(bridge.backend.documents)
    lists = 0

    def open_clients(settings: ReconcileSettings) -> Clients:
        clients = bridge.open_clients(settings)
        return replace(
            clients,
            backend=watched(clients.backend, documents=documents),
            collections=CountingLists(clients.collections),
        )

    class CountingLists:
        """Collections whose lists are counted."""

        def __init__(self, real: Any) -> None:
            self._real = real

        def list(self, *arguments: Any, **named: Any) -> Any:
            """List, and count it."""
            nonlocal lists
            lists += 1
            return self._real.list(*arguments, **named)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._real, name)

    app = host(entry_point(Endpoint(bridge.environ, open_=open_clients, now=bridge.now)))
    assert app.test_client().post("/").status_code == 200

    # A bridge with a webhook reads one document more.
    assert documents.reads + lists + 1 == MEASURED.reconcile["reads"]
    assert len(documents.written) == MEASURED.reconcile["writes"]
