"""`cli.cost.measured`: numbers that other files of the repository also state."""

import re
import tomllib

from tests.support import ROOT
from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.cli.cost.measured import FILE, read_measured
from videovector_bridge.ingest import stages
from videovector_bridge.ingest.batcher import BATCH_EVENTS
from videovector_bridge.ingest.channel_pause import EVERY_SECONDS
from videovector_bridge.ingest.publisher import BATCHES_IN_FLIGHT
from videovector_bridge.secret import _TRUSTED_SECONDS
from videovector_bridge.watch.reconcile.reconciler import _THREADS

MEASURED = read_measured()
ROWS = {
    "upsert_marker": "`upsert_marker`",
    "delete_marker": "`delete_marker`, where the bridge set a marker",
    "issue_signed_url": "`issue_signed_url`, one object",
    "store_preview": "`store_preview`",
    "snapshot_media": "`snapshot_media`",
    "search": "`search`, no match",
}


def test_an_action_costs_what_its_page_says() -> None:
    """docs/automations.md has what a first delivery costs, and a test counts it."""
    page = (ROOT / "docs" / "automations.md").read_text(encoding="utf-8")

    assert MEASURED.actions.keys() == ACTIONS.keys() == ROWS.keys()
    for name, action in MEASURED.actions.items():
        (first,) = re.findall(rf"^\| {re.escape(ROWS[name])} \| ([^|]+) \|", page, re.MULTILINE)
        assert first == f"{action.api_calls:g} / {action.reads:g} / {action.writes:g}", name


def test_records_of_single_events_are_deleted_by_their_ttl() -> None:
    """Those of URLs and searches."""
    assert {name for name, action in MEASURED.actions.items() if action.one_time} == {
        "issue_signed_url",
        "search",
    }


def test_limits_are_those_of_the_code() -> None:
    """A changed constant must change the plan."""
    drain = MEASURED.drain

    assert drain["batch_events"] == BATCH_EVENTS
    assert drain["batches"] == BATCHES_IN_FLIGHT + 2  # one is queued, one is open
    assert (drain["flush_share"], drain["flush_seconds"]) == (
        stages._FLUSH_SHARE,
        stages._FLUSH_CAP,
    )
    assert MEASURED.webhook["pause_read_seconds"] == EVERY_SECONDS
    assert MEASURED.secrets["trusted_seconds"] == _TRUSTED_SECONDS
    assert MEASURED.reconcile["threads"] == _THREADS


def test_every_table_has_a_date_and_a_command() -> None:
    """So that it can be measured again."""
    tables = tomllib.loads(FILE.read_text(encoding="utf-8"))
    names = {*tables.keys() - {"actions"}, *(f"actions.{name}" for name in tables["actions"])}

    assert MEASURED.sources.keys() == names
    for date, command in MEASURED.sources.values():
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", date)
        assert command
