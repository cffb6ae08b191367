"""`ingest.stream_document`: the meaning of the fields of a stream's document."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from videovector_bridge.ingest.stream_document import (
    LONGEST_BACKOFF_SECONDS,
    Origin,
    backoff_until,
    claim_fields,
    lease_owner,
    lease_seconds_left,
)
from videovector_bridge.settings.streams import LONGEST_LEASE_SECONDS

NOW = datetime(2026, 1, 2, 3, 5, tzinfo=UTC)
ORIGIN = Origin("api.example.test", "{}", "latest")


def test_a_new_stream_begins_where_the_setting_says() -> None:
    """Without a document the first lease has token 1, no cursor, and the setting as the start."""
    fields = claim_fields({}, "one", ORIGIN, 30.0)

    assert (fields["cursor"], fields["start_from"], fields["start_setting"]) == (
        None,
        "latest",
        "latest",
    )
    assert (fields["fencing_token"], fields["lease_owner"], fields["windows"]) == (1, "one", 1)
    assert (fields["api_host"], fields["filters"]) == ("api.example.test", "{}")


@pytest.mark.parametrize(
    ("known", "start"),
    [
        ({"start_from": "earliest", "start_setting": "earliest"}, ("latest", "latest")),
        ({"start_from": "earliest", "start_setting": None}, ("earliest", None)),
        ({"start_from": "evt-7", "start_setting": "earliest"}, ("evt-7", None)),
        ({"start_from": "", "start_setting": "earliest"}, ("latest", "latest")),
        ({"start_from": 7, "start_setting": "7"}, ("latest", "latest")),
    ],
    ids=["follows", "chosen by a policy", "chosen by a person", "emptied", "number"],
)
def test_a_start_follows_the_setting_until_it_is_chosen(
    known: dict[str, Any], start: tuple[str, str | None]
) -> None:
    """A start equal to its own setting follows the setting of today; any other start stays."""
    fields = claim_fields(known, "one", ORIGIN, 30.0)

    assert (fields["start_from"], fields["start_setting"]) == start


def test_a_stream_with_a_cursor_keeps_what_it_belongs_to() -> None:
    """The cursor, its host and filters, and the record of the start stay as they are."""
    known = {
        "cursor": 12,
        "api_host": "other",
        "filters": "f",
        "start_from": "earliest",
        "start_setting": "earliest",
    }
    fields = claim_fields(known, "one", ORIGIN, 30.0)

    assert {name: fields[name] for name in known} == known | {"cursor": "12"}


@pytest.mark.parametrize(
    ("value", "token"), [(None, 1), ("7", 8), (7.0, 8), ("seven", 1), ("inf", 1), ([], 1)], ids=str
)
def test_a_token_is_a_whole_number(value: object, token: int) -> None:
    """A number that a person stored as text counts; anything else counts as zero."""
    assert claim_fields({"fencing_token": value}, "one", ORIGIN, 30.0)["fencing_token"] == token


@pytest.mark.parametrize(
    ("value", "left"),
    [(30.0, 20.0), ("30", 20.0), (None, -10.0), (1e12, LONGEST_LEASE_SECONDS - 10.0)],
    ids=str,
)
def test_a_lease_ends_by_the_age_of_its_document(value: object, left: float) -> None:
    """No lease is longer than settings allow, even if the document says so."""
    assert lease_seconds_left({"lease_seconds": value}, 10.0) == left


def test_a_released_lease_has_no_owner() -> None:
    """An empty owner and a missing one are the same."""
    assert [lease_owner(each) for each in ({}, {"lease_owner": ""}, {"lease_owner": "a"})] == [
        "",
        "",
        "a",
    ]


@pytest.mark.parametrize(
    ("seconds", "stops"),
    [(-1, False), (0, False), (1, True), (2 * LONGEST_BACKOFF_SECONDS + 1, False)],
)
def test_a_backoff_stops_windows_until_its_time(seconds: float, *, stops: bool) -> None:
    """A time that no window would have written stops nothing."""
    until = NOW + timedelta(seconds=seconds)

    assert backoff_until({"not_before": until.isoformat()}, NOW) == (until if stops else None)


@pytest.mark.parametrize("value", [None, "", "soon", 17, {}])
def test_an_unreadable_backoff_stops_nothing(value: object) -> None:
    """A slip of the hand must not stop the stream."""
    assert backoff_until({"not_before": value}, NOW) is None


@pytest.mark.parametrize(
    ("changed", "reason", "words"),
    [
        ({}, "", ""),
        ({"api_host": "other"}, "host_changed", "API host was other and is api.example.test"),
        ({"filters": "f"}, "filters_changed", "filters were f and are {}"),
        ({"cursor": None, "api_host": "other"}, "", ""),
    ],
)
def test_a_cursor_of_another_origin_is_invalid(
    changed: dict[str, Any], reason: str, words: str
) -> None:
    """Host first, then filters; without a cursor there is nothing to lose."""
    fields = {"cursor": "evt-1", "api_host": "api.example.test", "filters": "{}"} | changed

    assert ORIGIN.find_change(fields) == reason
    if reason:
        assert words in ORIGIN.explain(reason, "s", fields)
