"""A stand-in for the VideoVector API over real HTTP, for local runs, tests and benchmarks.

    with StandIn(StandInConfig(seed=3)) as standin:
        standin.control.runs(2)
        httpx.get(standin.api_url + "/markers", headers={"X-API-Key": standin.keys["read"]})

`python -m infra.standin` starts it as a separate process. The README has the details.

Other packages import from here only. The stand-in imports nothing of the bridge or the local stack.
"""

from infra.standin.config import StandInConfig
from infra.standin.control.client import Control
from infra.standin.events.flood import FLOOD_EVENT_TYPE
from infra.standin.library.catalog import MEDIA_BUCKET, Library
from infra.standin.server import StandIn
from infra.standin.webhooks.webhook import WEBHOOK_EVENTS

__all__ = [
    "FLOOD_EVENT_TYPE",
    "MEDIA_BUCKET",
    "WEBHOOK_EVENTS",
    "Control",
    "Library",
    "StandIn",
    "StandInConfig",
]
