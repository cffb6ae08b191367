"""The deployed functions, which also log the time of each stage of a push request.

functions-framework loads this file in place of `functions/main.py`.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, Final

import functions_framework
from flask import Request, make_response
from flask.typing import ResponseReturnValue

import main
from videovector_bridge.automate.subscriber import entry_points
from videovector_bridge.automate.wiring import Instance, open_instance
from videovector_bridge.backends.per_process import PerProcess
from videovector_bridge.telemetry import log

LOGGED: Final = "bench.stages"
"""The event of the log line."""
_PUBSUB: Final = "x-goog-pubsub-"

_stages: ContextVar[dict[str, float] | None] = ContextVar("stages", default=None)


class _Timed:
    """A client whose calls add their seconds to a stage of the request."""

    def __init__(self, client: Any, stage: str) -> None:
        self._client = client
        self._stage = stage

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def call(*args: Any, **options: Any) -> Any:
            with _timed(self._stage):
                return method(*args, **options)

        return call


@contextmanager
def _timed(stage: str) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    finally:
        stages = _stages.get()
        if stages is not None:
            stages[stage] = stages.get(stage, 0.0) + time.perf_counter() - started


def _open_timed() -> Instance:
    with _timed("open"):
        context, automations = open_instance()
    backend = context.backend
    documents: Any = _Timed(backend.documents, "store")
    topics: Any = _Timed(backend.topics, "publish")
    files: Any = _Timed(backend.files, "files") if backend.files else None
    api: Any = _Timed(context.api, "api")
    return Instance(
        replace(
            context,
            backend=replace(backend, documents=documents, topics=topics, files=files),
            effects=replace(context.effects, documents=documents),
            api=api,
        ),
        automations,
    )


def _with_log(handle: Callable[[Request], ResponseReturnValue]) -> Callable[[Request], Any]:
    def serve(request: Request) -> Any:
        started_at = time.time()
        token = _stages.set({})
        try:
            response = make_response(handle(request))
            stages = _stages.get()
        finally:
            _stages.reset(token)
        log(
            "INFO",
            LOGGED,
            "Stages of a push request",
            message_id=request.headers.get(_PUBSUB + "message-id", ""),
            subscription=request.headers.get(_PUBSUB + "subscription-name", ""),
            published_at=request.headers.get(_PUBSUB + "publish-time", ""),
            status=response.status_code,
            started_at=started_at,
            ended_at=time.time(),
            stages=stages,
        )
        return response

    return serve


def __getattr__(name: str) -> Any:
    deployed = getattr(main, name)  # it imports what the deployed function does
    if name.startswith("__") or name in main.HTTP:
        return deployed
    serve = _with_log(entry_points(PerProcess(_open_timed))[name])
    serve.__name__ = name
    return functions_framework.http(serve)
