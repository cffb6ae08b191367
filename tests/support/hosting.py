"""Run any handler in functions-framework, which loads a source file and looks its target up."""

import os
from collections.abc import Callable
from typing import Any, Final
from unittest.mock import patch

import functions_framework
from flask import Flask

from tests.support import ROOT

FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {}
"""The handlers that `hosted_main.py` offers as targets, by name."""

_SOURCE: Final = str(ROOT / "tests" / "support" / "hosted_main.py")


def host(function: Callable[..., Any]) -> Flask:
    """Return the app of the host with this HTTP function as its target.

    The host loads `hosted_main.py` as it loads `functions/main.py` of a deployment.
    """
    FUNCTIONS[function.__name__] = function
    with patch.dict(os.environ):  # the host sets variables of its own
        app: Flask = functions_framework.create_app(function.__name__, _SOURCE)  # type: ignore[no-untyped-call]
    return app
