"""The entry points of this deployable: one name per function, loaded only when it is asked for.

The host (functions-framework) looks its target up in this module. Each process serves one
target, so each imports what that one needs and nothing of the others (PEP 562).
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

import functions_framework

# Events come in: entry point -> the module that has a handler of that name.
INGEST: Final = {
    "drain": "videovector_bridge.ingest.drain",
    "receive_webhook": "videovector_bridge.ingest.webhook",
}


def subscribers() -> dict[str, Callable[..., Any]]:
    """Events cause effects: entry point -> handler, one for every action."""
    from videovector_bridge.automate.subscriber import entry_points  # noqa: PLC0415 - not all do

    return entry_points()


def __getattr__(name: str) -> Any:
    if name in INGEST:
        return functions_framework.http(getattr(import_module(INGEST[name]), name))
    if name.startswith("__") or name not in (found := subscribers()):
        raise AttributeError(f"no entry point {name!r}")
    return functions_framework.http(found[name])
