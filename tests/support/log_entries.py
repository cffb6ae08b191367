"""Log entries as Google Cloud stores them: of functions and of Cloud Run."""

from collections.abc import Mapping
from typing import Any

from tests.support.logging_filter import Entry

REGION = "us-central1"
# Cloud Logging moves these fields of a line to the entry itself.
_MOVED = (
    "severity",
    "logging.googleapis.com/trace",
    "logging.googleapis.com/spanId",
    "logging.googleapis.com/trace_sampled",
)


def line_entry(line: Mapping[str, Any], service: str, location: str = REGION) -> Entry:
    """Return the entry of a JSON line that a function wrote to its standard output."""
    payload = {name: value for name, value in line.items() if name not in _MOVED}
    return {
        "resource": _revision(service, location),
        "severity": line["severity"],
        "jsonPayload": payload,
    }


def text_entry(text: str, service: str, severity: str = "ERROR", location: str = REGION) -> Entry:
    """Return the entry of a line that Cloud Run or gunicorn wrote about a function."""
    return {
        "resource": _revision(service, location),
        "severity": severity,
        "textPayload": text,
    }


def _revision(service: str, location: str) -> Mapping[str, Any]:
    return {
        "type": "cloud_run_revision",
        "labels": {
            "project_id": "test-project",
            "location": location,
            "service_name": service,
            "configuration_name": service,
            "revision_name": f"{service}-00001-abc",
        },
    }
