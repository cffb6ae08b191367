"""Functions that a test makes, in their real host: functions-framework."""

import os
from collections.abc import Callable
from typing import Any, Final
from unittest.mock import patch

import functions_framework
from flask import Flask

from tests.support import ROOT

FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {}
"""What `hosted_main` serves, by name."""

_SOURCE: Final = str(ROOT / "tests" / "support" / "hosted_main.py")


def host(function: Callable[..., Any]) -> Flask:
    """Return the app of the host for an HTTP function, loaded as the host loads `main.py`."""
    FUNCTIONS[function.__name__] = function
    with patch.dict(os.environ):  # the host writes its own variables
        app: Flask = functions_framework.create_app(function.__name__, _SOURCE)  # type: ignore[no-untyped-call]
    return app
