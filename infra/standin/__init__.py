"""A stand-in for the VideoVector API over real HTTP, for local runs, tests and benchmarks.

    with StandIn(StandInConfig(seed=3)) as standin:
        standin.control.runs(2)
        httpx.get(standin.api_url + "/markers", headers={"X-API-Key": standin.keys["read"]})

`python -m infra.standin` is the same in a process of its own.
"""

from infra.standin.config import StandInConfig
from infra.standin.control.client import Control
from infra.standin.server import StandIn

__all__ = ["Control", "StandIn", "StandInConfig"]
