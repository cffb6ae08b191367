"""Seeing what is published on a topic from now on, whatever the backend."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from videovector_bridge.cli.webhook.arrival import Watch
from videovector_bridge.settings.cli import Watched


@contextmanager
def open_watch(watched: Watched) -> Iterator[Watch]:
    """Yield a watch that sees what is published from now on. Raises `BackendError`."""
    if watched.backend.kind == "embedded":
        from videovector_bridge.cli.webhook.embedded_watch import EmbeddedWatch  # noqa: PLC0415 - only one

        yield EmbeddedWatch(Path(watched.backend.embedded_dir), watched.topic)
        return
    from videovector_bridge.cli.webhook.pubsub_watch import PubSubWatch  # noqa: PLC0415 - 200 ms

    with PubSubWatch(topic_path(watched), watched.backend.project, watched.subscription) as watch:
        yield watch


def topic_path(watched: Watched) -> str:
    """The topic's full name."""
    if "/" in watched.topic:
        return watched.topic
    return f"projects/{watched.backend.project}/topics/{watched.topic}"
