"""The fields of events that automations can use, and the known types of events."""

from typing import Final

from videovector_bridge.events import DOCUMENTED_FIELDS

# `parse_event` sets them. `payload` may have any fields.
EVENT_FIELDS: Final = (*DOCUMENTED_FIELDS, "payload", "channel")
# "Webhooks" in the vendor's API reference, and its test deliveries. VideoVector may add types.
DOCUMENTED_TYPES: Final = (
    "media.created",
    *(f"media.processing.{end}" for end in ("started", "completed", "failed")),
    *(
        f"prompt_run.{end}"
        for end in ("started", "completed", "failed", "cancelled", "partial_completed", "progress")
    ),
    *(f"export.{end}" for end in ("ready", "failed")),
    *(
        f"import_job.{end}"
        for end in ("started", "completed", "failed", "partial_completed", "progress")
    ),
    "test",
)
# The types of the stream, which no reference lists.
OPEN_PREFIXES: Final = ("processing.",)
# The bridge's own events on channel `stream`.
STREAM_TYPES: Final = ("bridge.stream.gap",)
# The canary's reports, on the bridge's own channel.
WATCH_TYPES: Final = ("bridge.canary",)
# It ends a connection to the stream, and is never published.
STREAM_ERROR: Final = "processing.stream_error"
