"""Events that come after `reconcile` published others in their place."""

from datetime import datetime, timedelta

import pytest

from tests.support.deployed_function import DeployedFunction
from tests.support.reconciled import NOW, repaired_messages
from tests.support.signed_urls import Deploy, deploy_links, processed, stored_uri
from videovector_bridge.backends import open_collections
from videovector_bridge.watch.reconcile.work_store import WorkStore
from videovector_bridge.work import Work

VIDEO = Work("video", "r1", "v1")
SECOND = timedelta(seconds=1)


@pytest.fixture
def links(deploy: Deploy) -> DeployedFunction:
    """`issue_signed_urls`: its target belongs to one event."""
    return deploy_links(deploy)


def repair(links: DeployedFunction) -> None:
    """Deliver the event in the place of the end of the video, and store it as `reconcile` does."""
    (message,) = repaired_messages(
        VIDEO,
        "completed",
        channels=("stream",),
        details={"gcs_uri": stored_uri(links)},
        api_host=links.context.settings.api.host,
    )
    assert links.post(message.data, message.attributes)[0] == 200
    store = WorkStore(links.backend.documents, open_collections(links.settings))
    ids = {"processing.video_completed": message.attributes["ce-id"]}
    store.finish(VIDEO, NOW, ids, timeout=10)


def push_real(links: DeployedFunction, name: str, created_at: datetime) -> None:
    """Deliver an end of the video that VideoVector sent."""
    ids = {"run_id": "r1", "video_id": "v1", "created_at": created_at.isoformat()}
    assert links.push(processed(stored_uri(links), name) | ids) == 200


def test_a_late_event_has_no_second_effect(links: DeployedFunction) -> None:
    """The effect of the event in its place is done, and counts as its own."""
    repair(links)

    push_real(links, "late", NOW - SECOND)

    assert len(links.published("media-urls")) == 1


def test_a_later_attempt_has_its_own_effect(links: DeployedFunction) -> None:
    """A run that starts again ends again: this event is newer than the one that was published."""
    repair(links)

    push_real(links, "later", NOW + SECOND)

    assert len(links.published("media-urls")) == 2
