"""Run any handler in functions-framework, which loads a source file and looks its target up."""

import os
import threading
from collections.abc import Callable
from typing import Any, Final

import functions_framework
from flask import Flask

from tests.support import ROOT

FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {}
"""The handlers that `hosted_main.py` offers as targets, by name."""

# The variables that the host sets. Only these are restored: to restore all of them, `patch.dict`
# clears the environment for a moment, and another thread that copies it then leaves it empty.
_SET_BY_HOST: Final = ("FUNCTION_TARGET", "FUNCTION_SIGNATURE_TYPE")
_LOCK: Final = threading.Lock()
_SOURCE: Final = str(ROOT / "tests" / "support" / "hosted_main.py")


def host(function: Callable[..., Any]) -> Flask:
    """Return the app of the host with this HTTP function as its target.

    The host loads `hosted_main.py` as it loads `functions/main.py` of a deployment.
    """
    FUNCTIONS[function.__name__] = function
    with _LOCK:
        before = {name: os.environ.pop(name, None) for name in _SET_BY_HOST}
        app: Flask = functions_framework.create_app(function.__name__, _SOURCE)  # type: ignore[no-untyped-call]
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
    return app
