"""What is known of events: the fields that automations see, and the documented types."""

from typing import Final

from videovector_bridge.events import DOCUMENTED_FIELDS

# What `received` gives; `payload` is whatever the event has there.
EVENT_FIELDS: Final = (*DOCUMENTED_FIELDS, "payload", "channel")
# "Webhooks" in the vendor's API reference, and its test deliveries. New ones may come at any time.
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
# The stream's types, which no reference lists.
OPEN_PREFIXES: Final = ("processing.",)
# The bridge's own, which come as the stream's, in their place.
STREAM_TYPES: Final = ("bridge.stream.gap",)
# Ends a connection to the stream, and is never published.
STREAM_ERROR: Final = "processing.stream_error"
