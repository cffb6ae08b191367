"""What to do about each reason code: the tables of docs/automations.md and docs/messages.md. Pure.

A test compares them with the pages.
"""

from collections.abc import Sequence
from typing import Final

from videovector_bridge.cli.operate.letters.letter import Letter


def _by_code(rows: Sequence[tuple[str, str]]) -> dict[str, str]:
    return {code: text for codes, text in rows for code in codes.split()}


EFFECT_ADVICE: Final = _by_code(
    [
        (
            "expression_too_costly",
            "read fewer fields of the event, or use `exists` or `all`",
        ),
        (
            "expression_failed no_target bad_gcs_uri bad_file_name bad_search",
            "correct the automation; `automations explain` shows why",
        ),
        (
            "bucket_not_allowed no_preview_bucket",
            "set `SIGNED_URL_BUCKETS`, `PREVIEW_BUCKET`",
        ),
        (
            "bad_lifetime",
            "set `SIGNED_URL_SECONDS` to 1 to 604,800",
        ),
        (
            "marker_not_told",
            "set `match` or `marker_id`",
        ),
        (
            "marker_not_ours",
            "set `any = true` to delete markers of others",
        ),
        (
            (
                "marker_too_large state_too_large state_not_json document_too_large "
                "document_too_deep document_invalid too_many_parts"
            ),
            "let the automation copy less of the event",
        ),
        (
            "message_too_large message_invalid file_name_invalid",
            "a message or file name exceeds the limits of Google's services: shorten it",
        ),
        (
            "too_large",
            "raise `MAX_EVENT_BYTES`",
        ),
        (
            "too_deep",
            "the event nests more than 100 levels in a field that an automation reads",
        ),
        (
            "bad_time future_time not_an_event foreign_type",
            "check the data: it is no event of VideoVector, or its time is wrong",
        ),
        (
            "not_found validation_refused request_refused unexpected_answer answer_too_large",
            "VideoVector refused it, or its response is not as documented; `detail` quotes it",
        ),
    ]
)
"""Effects that failed: what to do."""

DATA_CAUSES: Final = _by_code(
    [
        (
            "bad_json not_an_object",
            "the data is not JSON, or no JSON object",
        ),
        (
            "missing_id missing_type missing_event",
            "it has no id or type (in a webhook `event`)",
        ),
        (
            "bad_id bad_event",
            "an id or type is not 1 to 900 printable ASCII characters",
        ),
        (
            "too_complex",
            "a webhook has more than 800,000 values, and its id and type are not at the beginning",
        ),
        (
            "too_large",
            "it is too large for a message, and there is no `CLAIM_BUCKET`",
        ),
    ]
)
"""Data of the stream or of a webhook that cannot be an event: the cause."""


def advise(letter: Letter) -> str:
    """Return what to do about a letter."""
    if not letter.code:
        function = letter.function or "A function"
        return (
            f"{function} did not acknowledge it at any delivery; its log lines `*.retry` have the "
            f"reason. Correct it, then redrive."
        )
    advice = (EFFECT_ADVICE if letter.function else DATA_CAUSES).get(letter.code, "read `detail`")
    if letter.is_event or letter.is_frame:
        return f"{advice}. Then redrive."
    return f"{advice}. It is no event and cannot be redriven: read it, then drop it."
