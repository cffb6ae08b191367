"""Changes to the context of a function under test: other limits, clocks and ports."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, cast

from videovector_bridge.api.client import VideoVectorClient
from videovector_bridge.automate.context import Context
from videovector_bridge.automate.list_lock import ListLock
from videovector_bridge.backends.ports import Documents, Files, Message, Signer, Timeout, Topics

Change = Callable[[Context], Context]
"""Takes the open context, and returns the context to use."""
Publish = Callable[[Topics, str, Sequence[Message], Timeout], None]
"""Publishes messages instead of the real topics, which are its first argument."""


def with_limits(**limits: float) -> Change:
    """Use other `Limits`."""
    return lambda context: replace(context, limits=replace(context.limits, **cast("Any", limits)))


def with_effects(**fields: Any) -> Change:
    """Use other fields of `Effects`, such as `now`, its clock in Unix time."""
    return lambda context: replace(context, effects=replace(context.effects, **fields))


def with_list_lock(wait_seconds: float) -> Change:
    """Wait this long for the lock of lists."""
    return lambda context: replace(context, list_lock=ListLock(wait_seconds))


def with_time(now: datetime) -> Change:
    """Use a clock that stands at this time."""
    return lambda context: replace(context, now=lambda: now)


def with_topics(publish: Publish) -> Change:
    """Publish with the function `publish`."""

    def change(context: Context) -> Context:
        topics = _ChangedTopics(context.backend.topics, publish)
        return replace(context, backend=replace(context.backend, topics=topics))

    return change


def with_documents(wrap: Callable[[Documents], Documents]) -> Change:
    """Wrap the document store, for the effects as well."""

    def change(context: Context) -> Context:
        documents = wrap(context.backend.documents)
        return replace(
            context,
            backend=replace(context.backend, documents=documents),
            effects=replace(context.effects, documents=documents),
        )

    return change


def with_api(**methods: Callable[..., Any]) -> Change:
    """Replace methods of the client. The first argument of each is the real client."""

    def change(context: Context) -> Context:
        return replace(context, api=cast("VideoVectorClient", _Changed(context.api, methods)))

    return change


def with_files(**methods: Callable[..., Any]) -> Change:
    """Replace methods of `Files`. The first argument of each is the real store."""

    def change(context: Context) -> Context:
        files = cast("Files", _Changed(context.backend.files, methods))
        return replace(context, backend=replace(context.backend, files=files))

    return change


def with_signer(signer: Signer) -> Change:
    """Sign URLs with `signer`."""
    return lambda context: replace(context, backend=replace(context.backend, signer=signer))


class _ChangedTopics:
    def __init__(self, topics: Topics, publish: Publish) -> None:
        self._topics = topics
        self._publish = publish

    def publish(self, topic: str, messages: Sequence[Message], *, timeout: Timeout) -> None:
        self._publish(self._topics, topic, messages, timeout)


class _Changed:
    """An object with some methods replaced."""

    def __init__(self, real: object, methods: dict[str, Callable[..., Any]]) -> None:
        self._real = real
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        if name in self._methods:
            return partial(self._methods[name], self._real)
        return getattr(self._real, name)
