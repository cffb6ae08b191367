"""The function `issue_signed_urls`, and the events that it is tested with."""

from collections.abc import Callable
from typing import Any

from infra.standin import MEDIA_BUCKET
from tests.support.deployed_function import DeployedFunction
from tests.support.event_messages import SOURCE, event
from videovector_bridge.automate.action import effect_key
from videovector_bridge.automate.effects.record import Version

POST = "POST /videos/signed-url"
LINK = """
[[automation]]
name = "ссылка: a link"
on = ["processing.video_completed"]
[automation.issue_signed_url]
gcs_uri = "{event.payload.gcs_uri}"
"""
Deploy = Callable[[str], DeployedFunction]


def deploy_links(deploy: Deploy, *automations: str) -> DeployedFunction:
    """`issue_signed_urls`, allowed for the stand-in's bucket."""
    deployed = deploy("issue_signed_urls")
    deployed.set("SIGNED_URL_BUCKETS", f"other, gs://{MEDIA_BUCKET}/")
    deployed.automations(*(automations or (LINK,)))
    return deployed


def key_of(automation: str, event_id: str = "evt_1") -> str:
    """The name of an automation's effect of an event of the stream."""
    return effect_key(automation, Version("", event_id, SOURCE))


def stored_uri(deployed: DeployedFunction) -> str:
    """The address of an object that the stand-in has."""
    return next(iter(deployed.standin.state.library.objects))


def processed(gcs_uri: Any, name: str = "evt_1") -> dict[str, Any]:
    """An event about a video that was processed."""
    return event(
        name,
        event_type="processing.video_completed",
        video_id="vid_1",
        payload={"gcs_uri": gcs_uri},
    )
