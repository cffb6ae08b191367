"""The stand-in on uvicorn, in a thread of this process."""

import asyncio
import socket
import threading
from types import TracebackType
from typing import Self

import uvicorn

from infra.standin.app import API_PREFIX, CONTROL_PREFIX, MEDIA_PREFIX, build_app
from infra.standin.config import StandInConfig
from infra.standin.control.client import Control
from infra.standin.http.connection import TrackingProtocol
from infra.standin.state import StandInState

_START_SECONDS = 60.0
_STOP_SECONDS = 10
_GRACE_SECONDS = 2


class _Server(uvicorn.Server):
    """Signals when it listens, and on which event loop."""

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

    `api_url` ends in /api/v2. `control_url` is the control plane, and `control` a client of it.
    `keys` maps a scope to its API key.
    """

    def __init__(self, config: StandInConfig | None = None) -> None:
        self.config = config or StandInConfig()
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._state: StandInState | None = None
        self._server: _Server | None = None
        self.keys = self.config.keys()
        self.api_url: str
        self.control_url: str
        self.control: Control

    @property
    def state(self) -> StandInState:
        """The state in memory, for tests in this process. Raises RuntimeError before `start`."""
        if self._state is None:
            raise RuntimeError("The stand-in was not started")
        return self._state

    def start(self) -> Self:
        """Start to listen. Return when requests are accepted."""
        listener = _listen(self.config.host, self.config.port)
        root = f"http://{self.config.host}:{listener.getsockname()[1]}"
        self.api_url = root + API_PREFIX
        self.control_url = root + CONTROL_PREFIX
        self.control = Control(self.control_url)
        state = StandInState(self.config)
        state.media_url = root + MEDIA_PREFIX
        server = _Server(
            uvicorn.Config(
                build_app(state),
                http=TrackingProtocol,
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
        self._listener, self._thread, self._state, self._server = listener, thread, state, server
        return self

    def stop(self) -> None:
        """End every stream, then the server. A second call has no effect."""
        if self._server is None or self._state is None or self._thread is None:
            return
        assert self._server.loop is not None
        self._server.loop.call_soon_threadsafe(self._state.close)
        self._server.should_exit = True
        self._thread.join(_STOP_SECONDS)
        if self._listener is not None:
            self._listener.close()
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


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.create_server((host, port))
    # asyncio sets TCP_NODELAY only on sockets with an explicit protocol number, and this socket has
    # none. Without it, every response on a reused connection is 40 ms late (Nagle's algorithm).
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
