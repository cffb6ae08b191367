"""The entry points, and for each the bare libraries that it imports at its start."""

from dataclasses import dataclass
from typing import Final

_API: Final = ("httpx", "orjson", "tenacity")
_TOPICS: Final = (
    "google.pubsub_v1",
    "google.pubsub_v1.services.publisher.transports",
)
_DOCUMENTS: Final = (
    "google.cloud.firestore_v1.services.firestore",
    "google.cloud.firestore_v1.services.firestore.transports",
)
_SUBSCRIBER: Final = ("flask", "cel", *_API, *_TOPICS, *_DOCUMENTS)


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """An entry point of `functions/main.py`, and what a bare function would import in its place.

    `action` is that of a subscriber, else empty.
    """

    name: str
    libraries: tuple[str, ...]
    action: str = ""

    @property
    def bare_source(self) -> str:
        """A source file for functions-framework: the libraries, and a function `bare`."""
        imports = "".join(f"import {each}\n" for each in self.libraries)
        return f'{imports}\n\ndef bare(request):\n    return "OK"\n'


ENTRY_POINTS: Final = {
    each.name: each
    for each in (
        EntryPoint("drain", ("flask", "httpx_sse", *_API, *_TOPICS, *_DOCUMENTS)),
        EntryPoint(
            "receive_webhook",
            ("flask", "orjson", "tenacity", *_TOPICS, *_DOCUMENTS),
        ),
        EntryPoint("reconcile", ("flask", *_API, *_TOPICS, *_DOCUMENTS)),
        EntryPoint("canary", ("flask", "httpx_sse", *_API, *_TOPICS, *_DOCUMENTS)),
        EntryPoint("upsert_markers", _SUBSCRIBER, "upsert_marker"),
        EntryPoint("delete_markers", _SUBSCRIBER, "delete_marker"),
        EntryPoint("issue_signed_urls", _SUBSCRIBER, "issue_signed_url"),
        EntryPoint("store_previews", _SUBSCRIBER, "store_preview"),
        EntryPoint("snapshot_media", _SUBSCRIBER, "snapshot_media"),
        EntryPoint("run_searches", _SUBSCRIBER, "search"),
    )
}
