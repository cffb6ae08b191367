"""The actions that an automation may name. Each has one row in the table `ACTIONS`.

The rest of `automate` and the command line import the table.
"""

from typing import Final

from videovector_bridge.automate.action import Action
from videovector_bridge.automate.actions import (
    issue_signed_url,
    markers,
    search,
    snapshot_media,
    store_preview,
)

ACTIONS: Final[dict[str, Action]] = {
    action.name: action
    for action in (
        markers.UPSERT,
        markers.DELETE,
        issue_signed_url.ACTION,
        store_preview.ACTION,
        snapshot_media.ACTION,
        search.ACTION,
    )
}
