"""Servers that are not well, for the failures of a network."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stalled_server() -> Iterator[str]:
    """Yield the `host:port` of a server that accepts connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        # The kernel accepts for us; nobody ever reads.
        listener.listen(64)
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def dead_server() -> str:
    """Return a `host:port` where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"
