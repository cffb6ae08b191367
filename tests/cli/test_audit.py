"""`cli.operate.audit`: records of changes."""

from datetime import UTC, datetime

from videovector_bridge.backends import Backend, BackendSettings, open_collections
from videovector_bridge.cli.operate.audit import begin_record, end_record, find_operator

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


def test_a_record_has_who_changed_what_and_the_outcome(
    backend: Backend, backend_settings: BackendSettings
) -> None:
    """Before the change without an outcome, afterwards with it."""
    record = begin_record(backend.documents, "rewind", "default", {"to": "e1"}, now=NOW)
    before = backend.documents.read("audit", record.id, timeout=10)
    end_record(backend.documents, record, {"cursor": "e1"})
    ((_, after),) = open_collections(backend_settings).list("audit", limit=10, timeout=10)

    assert before is not None
    assert before.fields["outcome"] is None
    assert after.fields == {
        "at": "2026-11-27T12:00:00.000+00:00",
        "by": find_operator(),
        "action": "rewind",
        "subject": "default",
        "details": {"to": "e1"},
        "outcome": {"cursor": "e1"},
    }


def test_records_of_one_moment_do_not_conflict(backend: Backend) -> None:
    """Two operators may act in the same millisecond."""
    ids = {begin_record(backend.documents, "drop", "s", {}, now=NOW).id for _ in range(3)}

    assert len(ids) == 3
