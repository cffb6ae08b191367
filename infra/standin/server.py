"""Runs the stand-in on uvicorn, in a thread of this process."""

import asyncio
import socket
import threading
from types import TracebackType
from typing import Self

import uvicorn

from infra.standin.app import API_PREFIX, MEDIA_PREFIX, build_app
from infra.standin.config import StandInConfig
from infra.standin.control.client import Control
from infra.standin.http.connection import WireProtocol
from infra.standin.state import World

_START_SECONDS = 60.0
_STOP_SECONDS = 10
_GRACE_SECONDS = 2


class _Server(uvicorn.Server):
    """Tells when it listens, and on which loop."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()
        self.loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.loop = asyncio.get_running_loop()
        self.listening.set()


class StandIn:
    """The stand-in API over HTTP on loopback, as a context manager.

    `api_url` ends in /api/v2; `control_url` is the control plane, and `control` a client of it;
    `keys` maps a scope to its API key.
    """

    def __init__(self, config: StandInConfig | None = None) -> None:
        self.config = config or StandInConfig()
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._world: World | None = None
        self._server: _Server | None = None
        self.keys = self.config.keys()
        self.api_url: str
        self.control_url: str
        self.control: Control

    def start(self) -> Self:
        """Listen, and return once requests are answered."""
        listener = socket.create_server((self.config.host, self.config.port))
        # asyncio does so only for sockets that were made with a protocol number, which this was
        # not. Without it, each answer on a connection in use is 40 ms late (Nagle's algorithm).
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        root = f"http://{self.config.host}:{listener.getsockname()[1]}"
        self.api_url = root + API_PREFIX
        self.control_url = root + "/_standin"
        self.control = Control(self.control_url)
        world = World(self.config)
        world.media_url = root + MEDIA_PREFIX
        server = _Server(
            uvicorn.Config(
                build_app(world),
                http=WireProtocol,
                ws="none",
                log_config=None,
                log_level="critical",
                access_log=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        thread = threading.Thread(
            target=lambda: asyncio.run(server.serve(sockets=[listener])),
            name="standin",
            daemon=True,
        )
        thread.start()
        if not server.listening.wait(_START_SECONDS):
            raise RuntimeError(f"The stand-in did not start within {_START_SECONDS} s")
        self._socket, self._thread, self._world, self._server = listener, thread, world, server
        return self

    def stop(self) -> None:
        """End every stream, then the server; safe to call twice."""
        if self._server is None or self._world is None or self._thread is None:
            return
        assert self._server.loop is not None
        self._server.loop.call_soon_threadsafe(self._world.close)
        self._server.should_exit = True
        self._thread.join(_STOP_SECONDS)
        if self._socket is not None:
            self._socket.close()
        self.control.close()
        self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
