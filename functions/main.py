"""The entry points of the deployed functions, each loaded only when it is the target.

functions-framework looks up its target in this module. A process serves one target and imports
only the modules of that target (PEP 562), and the libraries of its backend.
"""

import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any, Final

import functions_framework

from videovector_bridge.backends import load_backend
from videovector_bridge.telemetry import capture_library_records

# Entry points that are called by HTTP, and the module with the handler of that name.
HTTP: Final = {
    "canary": "videovector_bridge.watch.canary.endpoint",
    "drain": "videovector_bridge.ingest.drain",
    "receive_webhook": "videovector_bridge.ingest.webhook",
    "reconcile": "videovector_bridge.watch.reconcile.endpoint",
}

# cel and httpx import their own command lines, and with them Typer, Rich and prompt_toolkit: up to
# a third of a start. An empty module in the place of each prevents that.
_COMMAND_LINES: Final = ("cel.cli", "httpx._main")

capture_library_records()
for _name in _COMMAND_LINES:
    sys.modules.setdefault(_name, ModuleType(_name))


def subscribers() -> dict[str, Callable[..., Any]]:
    """Return the entry points that act on events, one for each action, by name."""
    from videovector_bridge.automate.subscriber import entry_points  # noqa: PLC0415 - only subscribers need it

    return entry_points()


def __getattr__(name: str) -> Any:
    with _without_collections():
        if name in HTTP:
            handler = getattr(import_module(HTTP[name]), name)
        elif name.startswith("__") or name not in (handlers := subscribers()):
            raise AttributeError(f"no entry point {name!r}")
        else:
            handler = handlers[name]
        # Before the host forks and listens: Cloud Run sends requests only to instances that listen.
        load_backend(os.environ)
    return functions_framework.http(handler)


@contextmanager
def _without_collections() -> Iterator[None]:
    """Import without garbage collections, and exclude what is imported from later ones.

    Modules stay, so a collection finds nothing: 60 of them are a tenth of a start. The workers that
    the host forks then share more memory with it (https://docs.python.org/3/library/gc.html#gc.freeze).
    """
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()
