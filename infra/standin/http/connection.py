"""Hold of the connection behind a request, to break it off without an answer."""

import asyncio
from collections.abc import MutableMapping
from typing import Any
from weakref import WeakValueDictionary

from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_transports: WeakValueDictionary[tuple[Any, Any], asyncio.Transport] = WeakValueDictionary()


class WireProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 protocol, which also notes the transport of every connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Note the transport under both ends of the connection."""
        super().connection_made(transport)
        _transports[(self.client, self.server)] = transport


async def break_off(scope: Scope, receive: Receive, *, reset: bool = False) -> None:
    """Close the connection without (the rest of) an answer: FIN after what was sent, or RST."""
    transport = _transports.get((scope["client"], scope["server"]))
    if transport is None:
        return
    if reset:
        transport.abort()
    else:
        transport.close()
    # uvicorn answers 500 for an application that returns before it has seen the disconnection.
    while (await receive())["type"] != "http.disconnect":
        pass


async def start(send: Send, status: int, headers: MutableMapping[str, str]) -> None:
    """Send the head of a response."""
    message: Message = {
        "type": "http.response.start",
        "status": status,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    await send(message)


async def body(send: Send, data: bytes, *, more: bool) -> None:
    """Send a piece of the body, the last one unless `more`."""
    await send({"type": "http.response.body", "body": data, "more_body": more})
