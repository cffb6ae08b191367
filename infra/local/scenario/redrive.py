"""A redrive: a rejected message becomes the message that it was on topic `events`."""

from infra.local.clouds.cloud import Observed
from videovector_bridge.backends.ports import Message

_KEPT = "ce-"


def original(rejected: Observed) -> Message:
    """The message to publish to `events` again, once the cause of the rejection is corrected.

    A rejected message has the data of the event and its CloudEvents attributes, beside the reason.
    Raises `ValueError` for one that has only a part of the data, or is no event.
    """
    attributes = {k: v for k, v in rejected.attributes.items() if k.startswith(_KEPT)}
    if rejected.attributes.get("parts", "1") != "1":
        raise ValueError("The message has only a part of the event; join all parts first.")
    if not {"ce-id", "ce-source", "ce-type"} <= attributes.keys():
        raise ValueError("The message is no event: it has no ce-id, ce-source and ce-type.")
    return Message(rejected.data, {**attributes, "content-type": "application/json"})
