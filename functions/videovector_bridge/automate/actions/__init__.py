"""Which actions an automation may name: a row for each module. The one table to extend."""

from typing import Final

from videovector_bridge.automate.action import Action
from videovector_bridge.automate.actions import (
    delete_marker,
    issue_signed_url,
    search,
    snapshot_media,
    store_preview,
    upsert_marker,
)

ACTIONS: Final[dict[str, Action]] = {
    action.name: action
    for action in (
        upsert_marker.ACTION,
        delete_marker.ACTION,
        issue_signed_url.ACTION,
        store_preview.ACTION,
        snapshot_media.ACTION,
        search.ACTION,
    )
}
