"""Push requests to a subscriber function: each event has its effect once, in event order."""

import base64
import json
from typing import Any

import pytest
from flask import Flask
from functions_framework import create_app

from tests.support import ROOT
from tests.support.automations import RED
from tests.support.deployed_function import DeployedFunction
from tests.support.event_messages import event, message_of
from tests.support.log_lines import log_lines
from tests.support.markers import PUT
from tests.support.webhooks import delivery
from videovector_bridge.events import REDRIVE_TO


def test_an_event_has_its_effect_once(
    markers: DeployedFunction, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first delivery upserts the marker. The second sends no request."""
    assert markers.push(event()) == 200
    assert markers.push(event()) == 200

    assert markers.markers() == {"run_1": "red"}
    assert markers.requests(PUT) == 1
    assert markers.record("marker:run:run_1").fields["pending"] == {}
    assert [one["event"] for one in log_lines(capsys)] == [
        "upsert_marker.done",
        "upsert_marker.done_before",
    ]


def test_an_older_event_that_arrives_late_changes_nothing(markers: DeployedFunction) -> None:
    """The order of deliveries may differ from the order of events."""
    markers.push(event("evt_2", 2, event_type="prompt_run.completed"))

    assert markers.push(event("evt_1", 1)) == 200

    assert markers.markers() == {"run_1": "green"}
    assert markers.requests(PUT) == 1


def test_a_delivery_has_its_effect_once(markers: DeployedFunction) -> None:
    """A webhook's delivery has the same effect as an event, and has it once."""
    body = delivery(data={"run_id": "run_1", "user_id": "u1"})

    assert [markers.push_delivery(body) for _ in range(3)] == [200, 200, 200]

    assert markers.markers() == {"run_1": "red"}
    assert markers.requests(PUT) == 1
    assert markers.published("rejected") == []


def test_a_replayed_delivery_undoes_nothing(markers: DeployedFunction) -> None:
    """A replayed delivery is older than later events."""
    old, new = delivery("evt_1", 1), delivery("evt_2", 2, event="prompt_run.completed")
    for body in (old, new, old, new, old):
        assert markers.push_delivery(body) == 200

    assert markers.markers() == {"run_1": "green"}
    assert markers.requests(PUT) == 2


def test_events_of_both_channels_have_one_order(markers: DeployedFunction) -> None:
    """The newest event wins, for any channel and order of delivery."""
    completed = {"event_type": "prompt_run.completed"}
    assert markers.push(event("evt_2", 2, **completed)) == 200
    assert markers.push_delivery(delivery("evt_1", 1)) == 200
    assert markers.markers() == {"run_1": "green"}

    assert markers.push_delivery(delivery("evt_4", 4)) == 200
    assert markers.push(event("evt_3", 3, **completed)) == 200
    assert markers.markers() == {"run_1": "red"}


@pytest.mark.parametrize(
    ("channel", "expected"), [("webhook", {"run_1": "red"}), ("stream", {"run_2": "red"})]
)
def test_an_automation_may_select_its_channel(
    embedded: DeployedFunction, channel: str, expected: dict[str, str]
) -> None:
    """With `channel`, it applies only to events of that channel."""
    embedded.automations(RED.replace("[automation.", f'channel = "{channel}"\n[automation.'))

    assert embedded.push_delivery(delivery("evt_1")) == 200
    assert embedded.push(event("evt_2", run_id="run_2")) == 200

    assert embedded.markers() == expected


def test_events_without_an_automation_are_acknowledged(embedded: DeployedFunction) -> None:
    """Subscriptions without a filter deliver every event."""
    assert embedded.push(event(event_type="prompt_run.progress")) == 200

    assert embedded.requests(PUT) == 0


def test_only_post_is_allowed(embedded: DeployedFunction) -> None:
    """Other methods change nothing."""
    response = embedded.client.get("/")

    assert (response.status_code, response.headers["Allow"]) == (405, "POST")
    assert embedded.published("rejected") == []


@pytest.mark.parametrize("encoded", [False, True], ids=["data", "data_base64"])
def test_structured_events_have_effects_too(embedded: DeployedFunction, *, encoded: bool) -> None:
    """A CloudEvent whose attributes are in its body is the same event."""
    envelope: dict[str, Any] = {
        "specversion": "1.0",
        "id": "evt_1",
        "source": "//x",
        "type": "com.vectormethods.prompt_run.failed",
        "time": "2026-01-01T00:00:07Z",
    }
    data = event(created_at=None)
    if encoded:
        envelope["data_base64"] = base64.b64encode(json.dumps(data).encode()).decode()
    else:
        envelope["data"] = data
    headers = {"content-type": "application/cloudevents+json; charset=utf-8"}

    status, _ = embedded.post(json.dumps(envelope).encode(), headers)

    assert status == 200
    assert embedded.markers() == {"run_1": "red"}
    stamp = embedded.record("marker:run:run_1").fields["created_at"]
    assert stamp == "2026-01-01T00:00:07.000000+00:00"


def test_of_two_automations_for_one_target_the_first_wins(embedded: DeployedFunction) -> None:
    """An event has one effect on a target: that of the first automation in the file."""
    blue = RED.replace('"red"', '"blue"')
    embedded.automations(blue, RED)

    assert embedded.push(event()) == 200
    assert embedded.push(event()) == 200

    assert embedded.markers() == {"run_1": "blue"}
    assert embedded.requests(PUT) == 1


def test_automations_of_another_action_are_left_alone(embedded: DeployedFunction) -> None:
    """Each function runs only its own action."""
    link = '[[automation]]\nname = "l"\non = ["*"]\nissue_signed_url.gcs_uri = "gs://bucket/x"\n'
    embedded.automations(link, RED)

    assert embedded.push(event()) == 200

    assert embedded.published("rejected") == []
    assert embedded.published("media-urls") == []


@pytest.mark.parametrize("payload", [None, {}, {"x": 2**63}, {"x": 10**300}, {"x": [[1], {}]}])
def test_odd_payloads_do_no_harm(embedded: DeployedFunction, payload: object) -> None:
    """An event with a null payload or numbers of any size has its effect or is rejected."""
    embedded.automations(RED.replace("with {event.payload}", "{event.run_id}"))

    assert embedded.push(event(payload=payload)) == 200


def test_main_serves_the_function(embedded: DeployedFunction) -> None:
    """`main.py`, the deployed source file, reads its settings from the environment."""
    app: Flask = create_app("upsert_markers", str(ROOT / "functions" / "main.py"))  # type: ignore[no-untyped-call]  # it has no types
    message = message_of(event())

    response = app.test_client().post("/", data=message.data, headers=dict(message.attributes))

    assert response.status_code == 200
    assert embedded.markers() == {"run_1": "red"}


def test_an_event_that_is_redriven_to_another_function_is_acknowledged_unread(
    markers: DeployedFunction, capsys: pytest.CaptureFixture[str]
) -> None:
    """The function that it is redriven to acts on it."""
    message = message_of(event())

    def redrive_to(action: str) -> int:
        return markers.post(message.data, {**message.attributes, REDRIVE_TO: action})[0]

    assert redrive_to("search") == 200
    assert markers.markers() == {}
    assert markers.requests(PUT) == 0
    (line,) = log_lines(capsys)
    assert (line["event"], line["redrive_to"], line["event_id"]) == (
        *("upsert_marker.not_addressed", "search", "evt_1"),
    )

    assert redrive_to("upsert_marker") == 200
    assert markers.markers() == {"run_1": "red"}
