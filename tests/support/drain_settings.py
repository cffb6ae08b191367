"""Settings of `drain` from a good environment, and the problems of a wrong one."""

from typing import Any

import orjson
import pytest

from videovector_bridge.errors import SettingsError
from videovector_bridge.settings.drain import DrainSettings, drain_settings

KEY = "sk_live_1234"
GOOD = {"VIDEO_VECTOR_API_KEY": KEY, "GOOGLE_CLOUD_PROJECT": "project"}
SURROGATE = "x\udcff"  # a byte of the environment that is not UTF-8


def read(streams: Any = None, **environ: str) -> DrainSettings:
    """Return the settings of a good environment with these variables added."""
    variables = {} if streams is None else {"STREAMS": orjson.dumps(streams).decode()}
    return drain_settings(GOOD | variables | environ)


def problems(streams: Any = None, **environ: str) -> list[str]:
    """Return the problems of such an environment."""
    with pytest.raises(SettingsError) as caught:
        read(streams, **environ)
    return list(caught.value.problems)
