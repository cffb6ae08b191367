"""The entry points of this deployable: one name per function, loaded only when it is asked for.

The host (functions-framework) looks its target up in this module. Each process serves one
target, so each imports what that one needs and nothing of the others (PEP 562).
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

import functions_framework

# Entry point -> the module that has a handler of that name, and how the host calls it.
ENTRY_POINTS: Final[dict[str, tuple[str, Callable[..., Any]]]] = {
    "drain": ("videovector_bridge.ingest.drain", functions_framework.http),
    "receive_webhook": ("videovector_bridge.ingest.webhook", functions_framework.http),
    "upsert_markers": ("videovector_bridge.automate.markers", functions_framework.cloud_event),
    "issue_signed_urls": ("videovector_bridge.automate.urls", functions_framework.cloud_event),
}


def __getattr__(name: str) -> Any:
    if name not in ENTRY_POINTS:
        raise AttributeError(f"no entry point {name!r}; there is {', '.join(ENTRY_POINTS)}")
    module, register = ENTRY_POINTS[name]
    return register(getattr(import_module(module), name))
