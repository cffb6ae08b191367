"""Large events: data in Cloud Storage (claim checks), and the memory of an instance."""

import json

import pytest

from tests.support.automations import GREEN, RED
from tests.support.contexts import with_limits
from tests.support.deployed_function import DeployedFunction
from tests.support.event_messages import event, message_of
from tests.support.markers import PUT, Deploy
from videovector_bridge.backends import Backend


def claim(backend: Backend, data: bytes) -> dict[str, str]:
    """The attributes of a claim check for data in Cloud Storage."""
    assert backend.blobs is not None
    uri = backend.blobs.put("events/e.json", data, "application/json", timeout=10)
    return {**message_of(event()).attributes, "ce-dataref": uri}


def test_data_in_cloud_storage_is_fetched(markers: DeployedFunction) -> None:
    """A claim check has the effect of its event."""
    data = json.dumps(event(payload={"pad": "x" * 50})).encode()

    status, _ = markers.post(b"", claim(markers.backend, data))

    assert status == 200
    assert markers.markers() == {"run_1": "red"}


def test_a_claim_check_is_rejected_with_its_data(markers: DeployedFunction) -> None:
    """The rejected message has the data."""
    status, _ = markers.post(b"", claim(markers.backend, b"not JSON"))

    assert status == 200
    (rejected,) = markers.published("rejected")
    assert rejected.data == b"not JSON"


def test_a_claim_check_that_cannot_be_read_is_redelivered(markers: DeployedFunction) -> None:
    """A missing object does not lose the event."""
    attributes = claim(markers.backend, b"{}")
    attributes["ce-dataref"] += "x"

    status, _ = markers.post(b"", attributes)

    assert status == 503
    assert markers.published("rejected") == []


def test_a_claim_that_is_too_large_is_rejected_without_being_fetched(
    markers: DeployedFunction,
) -> None:
    """The message states the size of the data, so the data is not read."""
    markers.set("MAX_EVENT_BYTES", "1024")
    attributes = claim(markers.backend, b"{}") | {"ce-datasize": "1025"}
    attributes["ce-dataref"] += "x"  # nothing is there: fetching it would return 503

    status, _ = markers.post(b"", attributes)

    assert status == 200
    (rejected,) = markers.published("rejected")
    assert (rejected.data, rejected.attributes["code"]) == (b"", "too_large")
    assert rejected.attributes["dataref"] == attributes["ce-dataref"]
    assert markers.requests(PUT) == 0


@pytest.mark.parametrize("claimed", [False, True], ids=["in the message", "in a bucket"])
def test_data_that_is_too_large_is_rejected_as_it_came(
    markers: DeployedFunction, *, claimed: bool
) -> None:
    """Even if the message does not state the size."""
    markers.set("MAX_EVENT_BYTES", "1024")
    data = json.dumps(event(payload={"pad": "x" * 1024})).encode()
    attributes = claim(markers.backend, data) if claimed else message_of(event()).attributes

    status, _ = markers.post(b"" if claimed else data, attributes)

    assert status == 200
    (rejected,) = markers.published("rejected")
    assert (rejected.data, rejected.attributes["code"]) == (data, "too_large")
    assert markers.requests(PUT) == 0


@pytest.mark.parametrize("claimed", [False, True], ids=["in the message", "in a bucket"])
def test_events_share_the_memory_of_an_instance(
    embedded: DeployedFunction, *, claimed: bool
) -> None:
    """While other events use all of it, an event is redelivered, and its data is not read."""
    embedded.change(with_limits(memory_wait=0.0))
    large = event(pad="x" * 100_000)
    data = json.dumps(large).encode()
    attributes = claim(embedded.backend, data) if claimed else message_of(large).attributes
    context = embedded.context

    with context.budget.reserve(context.settings.max_event_bytes - len(data)) as reserved:
        assert reserved
        assert embedded.push(event("evt_0", pad="x" * 101_000)) == 503
        assert embedded.post(b"" if claimed else data, attributes)[0] == (503 if claimed else 200)

    assert embedded.post(b"" if claimed else data, attributes)[0] == 200


def test_no_large_event_makes_small_ones_wait(embedded: DeployedFunction) -> None:
    """While one large event is handled, others are redelivered, and small ones are handled."""
    embedded.change(with_limits(memory_wait=0.0))
    context = embedded.context

    with context.budget.reserve(context.settings.max_event_bytes) as reserved:
        assert reserved
        assert embedded.push(event("evt_0", pad="x" * 100_000)) == 503
        assert embedded.push(event()) == 200


@pytest.mark.emulator
def test_a_claim_check_without_a_bucket_is_redelivered(deploy_gcp: Deploy) -> None:
    """A missing setting leads to redelivery, and the response names it.

    The embedded backend always has a place for blobs.
    """
    markers = deploy_gcp("upsert_markers")
    markers.automations(RED, GREEN)
    attributes = claim(markers.backend, json.dumps(event()).encode())
    markers.set("CLAIM_BUCKET", "")

    status, body = markers.post(b"", attributes)

    assert status == 503
    assert "CLAIM_BUCKET" in body
