"""The bridges that `make bench` compares ours with do the whole job."""

from collections import defaultdict
from collections.abc import Iterator

import pytest
from google.cloud.firestore import Client
from google.cloud.pubsub_v1 import PublisherClient
from google.cloud.pubsub_v1.types import PublisherOptions

from infra.standin import StandIn
from tests.bench.baselines import ordinary, simplest, tuned
from tests.bench.baselines.feed import read_events
from tests.bench.baselines.job import Job
from tests.support.topic_subscriber import Subscriber
from videovector_bridge.backends import BackendSettings

DRAINS = {"ordinary": ordinary.drain, "tuned": tuned.drain, "simplest": simplest.drain}


@pytest.fixture
def standin(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A stand-in with a flood, which the environment names."""
    with StandIn() as running:
        monkeypatch.setenv("VIDEO_VECTOR_BASE_URL", running.api_url)
        monkeypatch.setenv("VIDEO_VECTOR_API_KEY", running.keys["read"])
        running.control.flood(2_600)
        yield running


def test_the_feed_reconnects_where_it_was(standin: StandIn) -> None:
    """After a broken connection and a refused one, no event is lost or repeated."""
    standin.control.faults(
        {"on": "stream", "kind": "cut", "after_events": 700},
        {"on": "stream", "kind": "status", "status": 503},
    )
    feed = read_events(standin.api_url, standin.keys["read"], None)

    ids = [next(feed)[0] for _ in range(2_600)]

    assert ids == standin.control.journal()["event_ids"]
    assert standin.control.faults_left() == []


@pytest.mark.emulator
@pytest.mark.parametrize(
    ("name", "ordered"),
    [
        ("ordinary", True),
        ("ordinary", False),
        ("tuned", True),
        ("tuned", False),
        ("simplest", False),
    ],
)
def test_every_event_is_published_once_and_a_restart_resumes(
    standin: StandIn,
    gcp_settings: BackendSettings,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    ordered: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """The position is the last event; the lanes of an ordered one are in order."""
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", gcp_settings.project)
    counts = (120, 80) if name == "simplest" else (1_500, 1_100)
    ids = standin.control.journal()["event_ids"][: sum(counts)]
    subscriber = Subscriber(gcp_settings, "events")

    for count in counts:
        ordering = PublisherOptions(enable_message_ordering=ordered)
        job = Job("test", PublisherClient(publisher_options=ordering), ordered)
        assert DRAINS[name](job, count) == count

    messages = subscriber.receive(len(ids))
    by_key = defaultdict(list)
    for message in messages:
        by_key[message.ordering_key].append(ids.index(message.attributes["ce-id"]))
    position = Client(project=gcp_settings.project).document("baselines", "test").get()
    assert sorted(message.attributes["ce-id"] for message in messages) == sorted(ids)
    assert position.to_dict() == {"cursor": ids[-1]}
    assert (len(by_key) > 1) == ordered
    if ordered:
        assert all(numbers == sorted(numbers) for numbers in by_key.values())
