"""Invariant 5 with real threads, HTTP and stores: overlap, lost responses, late requests."""

import json
from random import Random
from typing import Any

import pytest

from tests.support.automations import BY_EVENT
from tests.support.contexts import with_topics
from tests.support.deployed_function import DeployedFunction
from tests.support.event_messages import event
from tests.support.markers import PUT, Deploy
from tests.support.overlapping_pushes import (
    TIMEOUT_SECONDS,
    draw_faults,
    newest_by_run,
    push_at_once,
    push_until_acknowledged,
    stop_clock,
)
from tests.support.signed_urls import POST, key_of, stored_uri

LINK = """
[[automation]]
name = "link"
on = ["*"]
[automation.issue_signed_url]
gcs_uri = "{event.payload.gcs_uri}"
"""


@pytest.mark.parametrize("seed", [1, 2])
def test_markers_end_as_one_pass_in_order_leaves_them(deploy: Deploy, seed: int) -> None:
    """For any order, overlap, repetition and failures: the newest event's marker, nothing pending.

    Afterwards no delivery asks VideoVector or writes anything.
    """
    random = Random(seed)
    markers = deploy("upsert_markers")
    markers.set("API_TIMEOUT_SECONDS", str(TIMEOUT_SECONDS))
    markers.automations(BY_EVENT)
    clock = stop_clock(markers)
    events = [
        event(f"e{run}-{number}", random.randrange(4), run_id=f"run_{run}")
        for run in range(20)
        for number in range(4)
    ]
    expected = newest_by_run(events)
    markers.standin.control.faults(*draw_faults(random, 120))

    push_until_acknowledged(markers, events, random, clock)

    assert markers.markers() == expected
    records = {run: markers.record(f"marker:run:{run}") for run in expected}
    for run, record in records.items():
        assert record.fields["pending"] == {}
        assert record.fields["event_id"] == expected[run]
    requests = markers.requests(PUT)
    assert set(push_at_once(markers, events)) == {200}
    assert markers.requests(PUT) == requests
    assert {run: one.revision for run, one in records.items()} == {
        run: markers.record(f"marker:run:{run}").revision for run in expected
    }


def processed(deployed: DeployedFunction) -> dict[str, Any]:
    """An event about an object that the stand-in has."""
    gcs_uri = stored_uri(deployed)
    deployed.set("SIGNED_URL_BUCKETS", gcs_uri.split("/")[2])
    return event(event_type="processing.video_completed", payload={"gcs_uri": gcs_uri})


def test_overlapping_deliveries_ask_for_one_url(deploy: Deploy) -> None:
    """Of many concurrent deliveries, one requests a URL, and one message is published."""
    links = deploy("issue_signed_urls")
    one = processed(links)
    links.automations(LINK)
    stop_clock(links)
    links.standin.control.faults({"on": POST, "kind": "delay", "seconds": 0.3})

    statuses = push_at_once(links, [one] * 12)
    assert set(statuses) <= {200, 503}
    assert 200 in statuses
    assert set(push_at_once(links, [one] * 3)) == {200}

    assert links.requests(POST) == 1
    assert len(links.published("media-urls")) == 1


class Killed(BaseException):
    """The process ended here."""


def test_a_crash_between_url_and_message_costs_no_second_grant(deploy: Deploy) -> None:
    """The redelivery waits for the end of the claim, uses the same key, and publishes."""
    links = deploy("issue_signed_urls")
    one = processed(links)
    links.automations(LINK)
    clock = stop_clock(links)

    def killed(*_: object) -> None:
        raise Killed

    with links.changed(with_topics(killed)), pytest.raises(Killed):
        links.push(one)
    assert links.push(one) == 503
    clock.now += 1_000

    assert links.push(one) == 200

    assert links.requests(POST) == 2
    assert links.standin.control.journal(ids=False)["signed_urls"] == 1
    (message,) = links.published("media-urls")
    assert message.attributes["ce-id"] == key_of("link")
    assert json.loads(message.data)["signed_url"]
