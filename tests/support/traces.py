"""Traces in messages and log lines, read with a check of their form."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

TRACE_ID: Final = "0af7651916cd43dd8448eb211c80319c"
SPAN_ID: Final = "b7ad6b7169203331"
TRACEPARENT: Final = f"00-{TRACE_ID}-{SPAN_ID}-01"
SPAN: Final = {"ce-traceparent": TRACEPARENT}
"""The attributes of a message's span."""

# An own reading of the standard, so that the bridge's parser does not check itself.
_FORM: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-0[01]")
_FIELDS: Final = "logging.googleapis.com/"


def trace_and_span(attributes: Mapping[str, str]) -> tuple[str, str]:
    """Return the trace id and the span id of a message, which must have valid ones."""
    match = _FORM.fullmatch(attributes["ce-traceparent"])
    assert match is not None, attributes["ce-traceparent"]
    trace_id, span_id = match.groups()
    assert int(trace_id, 16)
    assert int(span_id, 16)
    return trace_id, span_id


def without_trace(attributes: Mapping[str, str]) -> dict[str, str]:
    """Return the other attributes of a message, which must have a valid trace."""
    trace_and_span(attributes)
    return {name: value for name, value in attributes.items() if name != "ce-traceparent"}


def traces_of_lines(lines: Iterable[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """Return the trace (without its project) and the span of each line; each must have both."""
    return {
        (line[f"{_FIELDS}trace"].rpartition("/")[2], line[f"{_FIELDS}spanId"]) for line in lines
    }
