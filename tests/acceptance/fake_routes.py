"""Requests that the fake Google Cloud does not model, or fails on."""

import itertools
import re
from collections.abc import Callable
from typing import Any

_FIRESTORE_FIELD = re.compile(r".+/collectionGroups/[^/]+/fields/[^/]+")
_CHANNELS = re.compile(r"v3/(projects/[^/]+/notificationChannels)")
_CHANNEL = re.compile(r"v3/(projects/[^/]+/notificationChannels/[^/]+)")
_numbers = itertools.count(5_000)


def respond(fake: Any, call: Any, original: Callable[[Any], Any]) -> Any:
    """Respond to a request: here if the fake cannot, else by its own handler."""
    if call.service == "monitoring" and call.method != "GET":
        if match := _CHANNELS.fullmatch(call.path):
            return _create_channel(fake, match[1], call.body)
        if match := _CHANNEL.fullmatch(call.path):
            return _change_channel(fake, call, f"monitoring/{match[1]}")
    if call.service == "firestore" and _FIRESTORE_FIELD.fullmatch(call.path):
        # The provider sends "ttlConfig": null for a field without a TTL. To Google that is the same
        # as no ttlConfig; the fake fails on it.
        call.body = {name: value for name, value in call.body.items() if value is not None}
    return original(call)


def _create_channel(fake: Any, parent: str, body: Any) -> Any:
    name = f"{parent}/{next(_numbers)}"
    with fake.lock:
        return fake.create(f"monitoring/{name}", {**body, "name": name, "enabled": True})


def _change_channel(fake: Any, call: Any, key: str) -> Any:
    with fake.lock:
        if call.method == "DELETE":
            return fake.remove(key)
        fake.read(key)
        fake.store[key].update(call.body)
        return fake.store[key]
