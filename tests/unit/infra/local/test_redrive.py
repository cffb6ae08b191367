"""A rejected message becomes the message that it was."""

import pytest

from infra.local.clouds.cloud import Observed
from infra.local.scenario.redrive import original
from tests.support.local_run import at, event
from videovector_bridge.messages import rejected_messages


def rejected(message: Observed) -> Observed:
    """The message that a function publishes to `rejected` about an event."""
    (found,) = rejected_messages(
        message.data,
        owner="user",
        code="validation_refused",
        detail="No such colour.",
        context={**message.attributes, "action": "upsert_marker"},
    )
    return Observed(found.attributes, found.data, at(2))


def test_data_and_attributes_are_those_of_the_event() -> None:
    """Nothing of the rejection is left, so that subscriptions see the event as before."""
    before = event("a", run_id="r")

    again = original(rejected(before))

    assert again.data == before.data
    assert again.attributes == {**before.attributes, "content-type": "application/json"}


@pytest.mark.parametrize("missing", ["ce-id", "ce-source", "ce-type"])
def test_what_is_no_event_cannot_be_published_again(missing: str) -> None:
    """Bytes that never were one have no attributes of one."""
    message = rejected(event("a"))
    attributes = {name: value for name, value in message.attributes.items() if name != missing}

    with pytest.raises(ValueError, match="no event"):
        original(Observed(attributes, message.data, at(1)))


def test_a_part_of_an_event_cannot_be_published_alone() -> None:
    """Its data would be half of a JSON text."""
    message = rejected(event("a"))
    first = Observed({**message.attributes, "parts": "2"}, message.data, at(1))

    with pytest.raises(ValueError, match="join all parts"):
        original(first)
