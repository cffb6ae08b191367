"""The connection of a request: send parts of a response, or close it without one."""

import asyncio
from collections.abc import MutableMapping
from typing import Any
from weakref import WeakValueDictionary

from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_transports: WeakValueDictionary[tuple[Any, Any], asyncio.Transport] = WeakValueDictionary()


class TrackingProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 protocol, which also records the transport of every connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Record the transport under the addresses of both ends."""
        super().connection_made(transport)
        _transports[(self.client, self.server)] = transport


async def drop(scope: Scope, receive: Receive, *, reset: bool = False) -> None:
    """Close the connection without (the rest of) a response: with FIN, or with RST (`reset`)."""
    transport = _transports.get((scope["client"], scope["server"]))
    if transport is None:
        return
    if reset:
        transport.abort()
    else:
        transport.close()
    # uvicorn sends 500 for an application that returns before it receives the disconnect message.
    while (await receive())["type"] != "http.disconnect":
        pass


async def send_head(send: Send, status: int, headers: MutableMapping[str, str]) -> None:
    """Send the head of a response."""
    message: Message = {
        "type": "http.response.start",
        "status": status,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    await send(message)


async def send_body(send: Send, data: bytes, *, more: bool) -> None:
    """Send a part of the body; without `more` it is the last part."""
    await send({"type": "http.response.body", "body": data, "more_body": more})
