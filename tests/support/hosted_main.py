"""The source file of hosted functions in tests, in place of `functions/main.py`."""

from typing import Any

import functions_framework

from tests.support.hosting import FUNCTIONS


def __getattr__(name: str) -> Any:
    if name not in FUNCTIONS:
        raise AttributeError(name)
    return functions_framework.http(FUNCTIONS[name])
