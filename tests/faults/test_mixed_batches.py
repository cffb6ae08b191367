"""Several effects of one event, of which some fail: over both backends, with HTTP and stores."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.standin import StandIn, StandInConfig
from tests.faults.test_effects_faults import PUT
from tests.functions.test_outcomes import automation, redrive
from tests.support.subscribing import Deployed, deploying, event, message_of
from videovector_bridge.automate import subscriber
from videovector_bridge.backends import BackendSettings

TARGETS = ("run_a", "run_b", "run_c", "run_d")
EVENT = event("evt_1", 1, payload={"color": "red"})


@pytest.fixture
def markers(
    backend_settings: BackendSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Deployed]:
    """`upsert_markers` over each backend in turn, with four automations on the same events."""
    monkeypatch.setattr(subscriber, "_PAUSE_SECONDS", 0.0)
    with StandIn(StandInConfig(videos=1, playground_videos=0)) as standin:
        for deploy in deploying(standin, backend_settings, monkeypatch, tmp_path):
            deployed = deploy("upsert_markers")
            deployed.set("API_TIMEOUT_SECONDS", "0.3")
            deployed.automations(*(automation(f"mark {target}", target) for target in TARGETS))
            yield deployed


def answer(deployed: Deployed, target: str, status: int) -> None:
    """Let VideoVector answer every request about a target so."""
    deployed.standin.control.faults(
        {"on": PUT, "kind": "status", "status": status, "times": None, "containing": target}
    )


def test_a_target_that_is_down_for_ever_delays_no_other(markers: Deployed) -> None:
    """The first delivery does all else. The message is redelivered for that target alone."""
    answer(markers, "run_b", 503)
    done = {target: "red" for target in TARGETS if target != "run_b"}

    assert markers.push(EVENT) == 503
    assert markers.markers() == done

    records = {target: markers.record(f"marker:run:{target}").revision for target in done}
    for _ in range(3):
        assert markers.push(EVENT) == 503
    assert records == {target: markers.record(f"marker:run:{target}").revision for target in done}
    assert markers.published("rejected") == []

    markers.standin.control.clear_faults()
    assert markers.push(EVENT) == 200
    assert markers.markers() == dict.fromkeys(TARGETS, "red")


def test_refused_and_failing_effects_of_one_event_have_outcomes_of_their_own(
    markers: Deployed,
) -> None:
    """The refusal is reported at the first delivery; its redrive waits for none of the others."""
    answer(markers, "run_a", 422)
    answer(markers, "run_c", 503)

    assert markers.push(EVENT) == 503

    assert markers.markers() == {"run_b": "red", "run_d": "red"}
    (rejected,) = markers.published("rejected")
    assert rejected.attributes["automation"] == "mark run_a"
    assert (rejected.attributes["ce-id"], rejected.data) == ("evt_1", message_of(EVENT).data)

    markers.standin.control.clear_faults()
    answer(markers, "run_c", 503)
    assert redrive(markers, rejected) == 503
    assert markers.markers() == {"run_a": "red", "run_b": "red", "run_d": "red"}

    markers.standin.control.clear_faults()
    assert markers.push(EVENT) == 200
    assert markers.markers() == dict.fromkeys(TARGETS, "red")
    assert len(markers.published("rejected")) == 1


def test_events_of_one_id_and_two_sources_have_effects_apart(markers: Deployed) -> None:
    """Webhook and stream report the same change. A refusal of one is not that of the other."""
    first = message_of(EVENT)
    second = message_of({**EVENT, "payload": {"color": "blue"}})
    webhook = {**second.attributes, "ce-source": "//127.0.0.1/webhooks/wh_1"}
    answer(markers, "blue", 422)

    assert markers.post(second.data, webhook)[0] == 200
    assert markers.post(first.data, first.attributes)[0] == 200

    assert markers.markers() == dict.fromkeys(TARGETS, "red")
    rejected = markers.published("rejected")
    sources = Counter(each.attributes["ce-source"] for each in rejected)
    assert sources == {webhook["ce-source"]: len(TARGETS)}

    markers.standin.control.clear_faults()
    assert redrive(markers, rejected[0]) == 200
    assert markers.markers() == dict.fromkeys(TARGETS, "blue")
