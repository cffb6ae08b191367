"""Saved searches: each match is published once, and no match decides for another."""

import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from infra.standin import StandIn, StandInConfig
from tests.support.contexts import with_api, with_limits, with_topics
from tests.support.deployed_function import DeployedFunction
from tests.support.event_messages import SOURCE, event, message_of, nested
from videovector_bridge.api.errors import ValidationRefused
from videovector_bridge.automate.actions.search import match_key
from videovector_bridge.automate.effects.record import Record, State, Version
from videovector_bridge.backends.ports import Message, Timeout, Topics
from videovector_bridge.errors import BackendError, PermanentError

Deploy = Callable[[str], DeployedFunction]
TEXT = """
[[automation]]
name = "cars"
on = ["prompt_run.completed"]
[automation.search]
query = "{event.payload.query}"
top_k = 50
"""
CONDITIONS = """
[[automation]]
name = "crowds"
on = ["prompt_run.completed"]
[automation.search]
conditions = [{ field = "confidence", operator = "greater_than", type = "number", value = -1 }]
"""
POST = "POST /playground/search"
FILTER = "POST /search/filter/playground"


@pytest.fixture
def standin() -> Any:
    """A stand-in with videos in its playground."""
    with StandIn(StandInConfig(videos=0, playground_videos=3)) as running:
        yield running


@pytest.fixture
def searches(deploy: Deploy) -> DeployedFunction:
    """`run_searches` over each backend in turn."""
    deployed = deploy("run_searches")
    deployed.automations(TEXT)
    return deployed


@pytest.fixture
def embedded(deploy_embedded: Deploy) -> DeployedFunction:
    """The function over the embedded backend."""
    deployed = deploy_embedded("run_searches")
    deployed.automations(TEXT)
    return deployed


def completed(name: str = "evt_1", second: int = 0, query: Any = "a an two") -> dict[str, Any]:
    """An event about a run that completed."""
    return event(name, second, event_type="prompt_run.completed", payload={"query": query})


def matches(deployed: DeployedFunction) -> list[dict[str, Any]]:
    """The matches that were published."""
    return deployed.announced("search.matched")


def all_segments(deployed: DeployedFunction) -> set[str]:
    """The segments that the stand-in's playground has."""
    return set(deployed.standin.state.library.segments)


def test_each_match_is_published(searches: DeployedFunction) -> None:
    """The event has the search, the match, and the match's ids in the fields of an event."""
    assert searches.push(completed()) == 200

    published = matches(searches)
    assert {one["segment_id"] for one in published} == all_segments(searches)
    one = published[0]
    assert one["payload"]["match"]["segment_id"] == one["segment_id"]
    assert one["payload"]["search"] == {"query": "a an two", "top_k": 50}
    assert (one["payload"]["automation"], one["payload"]["event_id"]) == ("cars", "evt_1")
    assert one["event_id"] == f"search.matched:{match_key('cars', one['payload']['match'])}"


def test_a_match_is_published_once(searches: DeployedFunction) -> None:
    """Neither a redelivery nor a later search reports it again."""
    searches.push(completed())
    count = len(matches(searches))

    assert searches.push(completed()) == 200
    assert searches.requests(POST) == 1
    assert searches.push(completed("evt_2", 2)) == 200
    assert searches.requests(POST) == 2

    assert len(matches(searches)) == count


def test_what_is_new_is_published(searches: DeployedFunction) -> None:
    """A later search publishes only matches that earlier searches did not have."""
    searches.automations(TEXT.replace("top_k = 50", "top_k = 1"))
    searches.push(completed())
    assert len(matches(searches)) == 1

    searches.automations(TEXT)
    searches.push(completed("evt_2", 2))

    segment_ids = [one["segment_id"] for one in matches(searches)]
    assert sorted(segment_ids) == sorted(all_segments(searches))


def test_each_automation_remembers_for_itself(embedded: DeployedFunction) -> None:
    """The same match is new to another search."""
    embedded.automations(TEXT, TEXT.replace('"cars"', '"more cars"'))

    embedded.push(completed())

    assert len(matches(embedded)) == 2 * len(all_segments(embedded))


def test_a_filter_search_reads_all_pages(searches: DeployedFunction) -> None:
    """In either style of VideoVector's pagination."""
    searches.automations(CONDITIONS)

    assert searches.push(completed()) == 200

    assert {one["segment_id"] for one in matches(searches)} == all_segments(searches)
    assert searches.requests(FILTER) >= 1


def test_a_search_that_failed_half_way_is_continued(embedded: DeployedFunction) -> None:
    """The redelivery publishes the rest, and repeats the last match with the same id."""
    count = 0

    def failing(topics: Topics, topic: str, messages: Sequence[Message], timeout: Timeout) -> None:
        nonlocal count
        count += topic == "events"
        topics.publish(topic, messages, timeout=timeout)
        if count == 3:
            raise BackendError("the response was lost")

    embedded.change(with_topics(failing))
    assert embedded.push(completed()) == 503
    assert embedded.push(completed()) == 200

    event_ids = [one["event_id"] for one in matches(embedded)]
    assert len(set(event_ids)) == len(all_segments(embedded))
    assert len(event_ids) - len(set(event_ids)) == 1


def record_of(key: str, until: float) -> Record:
    """The record of a match that an attempt claimed until a time."""
    version = Version("", key)
    return Record(State({"match": key}, version), None, {version.key: until}, created=True)


def test_a_claimed_match_stops_no_other(searches: DeployedFunction) -> None:
    """The others are published. A redelivery after the end of the claim publishes it."""
    until = time.time() + 1_000
    segment_id = sorted(all_segments(searches))[3]
    key = key_of_segment(searches, segment_id)
    searches.backend.documents.write(
        "effects", f"match:{key}", record_of(key, until).to_fields(), replaces=None, timeout=10
    )

    assert searches.push(completed()) == 503
    others = all_segments(searches) - {segment_id}
    assert sorted(one["segment_id"] for one in matches(searches)) == sorted(others)
    searches.set_clock(until)
    assert searches.push(completed()) == 200

    assert sorted(one["segment_id"] for one in matches(searches)) == sorted(all_segments(searches))
    assert searches.published("rejected") == []


def key_of_segment(deployed: DeployedFunction, segment_id: str) -> str:
    """The key of the match for a segment of the stand-in."""
    rows = deployed.context.api.playground_search("a an two", 50)
    (row,) = [row for row in rows if row["segment_id"] == segment_id]
    return match_key("cars", row)


def test_a_match_that_is_refused_is_reported_alone(embedded: DeployedFunction) -> None:
    """The report has its key. A redrive publishes it, and no other match again."""
    segment_id = sorted(all_segments(embedded))[3]
    key = key_of_segment(embedded, segment_id)

    def failing(topics: Topics, topic: str, messages: Sequence[Message], timeout: Timeout) -> None:
        if topic == "events" and key in messages[0].attributes.get("ce-id", ""):
            raise PermanentError("too large", owner="system", code="too_large")
        topics.publish(topic, messages, timeout=timeout)

    with embedded.changed(with_topics(failing)):
        assert embedded.push(completed()) == 200
    assert {one["segment_id"] for one in matches(embedded)} == all_segments(embedded) - {segment_id}
    (rejected,) = embedded.published("rejected")
    assert (rejected.attributes["code"], rejected.attributes["target-part"]) == ("too_large", key)

    assert embedded.redrive(rejected) == 200
    assert sorted(one["segment_id"] for one in matches(embedded)) == sorted(all_segments(embedded))


def test_a_page_that_is_refused_loses_no_match_before_it(embedded: DeployedFunction) -> None:
    """They are published, a claimed one by the redelivery. Then the event is rejected."""
    embedded.automations(CONDITIONS)
    rows = [{"result_id": f"r{number}"} for number in range(3)]

    def failing(*_: object, **__: object) -> Iterator[dict[str, Any]]:
        yield from rows
        raise ValidationRefused("the second page")

    embedded.change(with_api(playground_filter_search=failing))
    key, until = match_key("crowds", rows[0]), time.time() + 1_000
    embedded.backend.documents.write(
        "effects", f"match:{key}", record_of(key, until).to_fields(), replaces=None, timeout=10
    )

    assert embedded.push(completed()) == 503
    assert [one["payload"]["match"] for one in matches(embedded)] == rows[1:]
    assert embedded.published("rejected") == []
    embedded.set_clock(until)
    assert embedded.push(completed()) == 200

    assert [one["payload"]["match"] for one in matches(embedded)] == [*rows[1:], rows[0]]
    (rejected,) = embedded.published("rejected")
    assert rejected.attributes["code"] == "validation_refused"


def test_matches_that_are_done_cost_nothing_at_a_redelivery(
    embedded: DeployedFunction, capsys: pytest.CaptureFixture[str]
) -> None:
    """The record of the event has the matches that are done. Their records are not read."""
    count = itertools.count(1)

    def failing(topics: Topics, topic: str, messages: Sequence[Message], timeout: Timeout) -> None:
        if next(count) == 5:
            raise BackendError("the topic did not respond")
        topics.publish(topic, messages, timeout=timeout)

    with embedded.changed(with_topics(failing)):
        assert embedded.push(completed()) == 503
    assert len(matches(embedded)) == len(all_segments(embedded)) - 1
    capsys.readouterr()

    assert embedded.push(completed()) == 200

    assert len(matches(embedded)) == len(all_segments(embedded))
    line = json.loads(capsys.readouterr().out)
    # Reads: whether another event replaced this one, the event's record, and that of the match that
    # is left. Writes: claim and end of each,
    # and the attempt to create the event's record.
    assert (line["api_calls"], line["store_reads"], line["store_writes"]) == (1, 3, 5)


def test_a_search_that_takes_too_long_is_continued(embedded: DeployedFunction) -> None:
    """The redelivery continues it."""
    with embedded.changed(with_limits(parts=-1.0)):
        assert embedded.push(completed()) == 503
    assert matches(embedded) == []

    assert embedded.push(completed()) == 200
    assert len(matches(embedded)) == len(all_segments(embedded))


@pytest.mark.parametrize(
    ("query", "code"),
    [(None, "expression_failed"), ("", "bad_search"), ("  ", "bad_search"), (5, "bad_search")],
)
def test_a_search_for_nothing_is_rejected(
    embedded: DeployedFunction, query: object, code: str
) -> None:
    """A query must be a text that is not empty."""
    assert embedded.push(completed(query=query)) == 200

    (rejected,) = embedded.published("rejected")
    assert (rejected.attributes["reason"], rejected.attributes["code"]) == ("user", code)
    assert embedded.requests(POST) == 0


def test_what_videovector_refuses_is_rejected(embedded: DeployedFunction) -> None:
    """VideoVector refuses an unknown condition."""
    embedded.automations(CONDITIONS.replace("greater_than", "much_greater"))

    assert embedded.push(completed()) == 200

    (rejected,) = embedded.published("rejected")
    assert rejected.attributes["reason"] == "user"


@pytest.mark.parametrize("other", ["evt_2", "of another source"])
def test_events_of_their_own_search_for_themselves(embedded: DeployedFunction, other: str) -> None:
    """Another event searches again, but publishes no match of the first one again."""
    message = message_of(completed())
    changed = message_of(completed("evt_2", 1)) if other == "evt_2" else message
    attributes = {**changed.attributes, "ce-source": "//other"}

    assert embedded.post(message.data, message.attributes)[0] == 200
    assert embedded.post(changed.data, attributes)[0] == 200

    assert embedded.requests(POST) == 2
    assert {one["payload"]["event_source"] for one in matches(embedded)} == {SOURCE}
    assert len(matches(embedded)) == len(all_segments(embedded))


@pytest.mark.parametrize("levels", [240, 250, 252, 260, 1_000])
def test_a_match_of_any_depth_is_published(embedded: DeployedFunction, levels: int) -> None:
    """Without the fields that are nested too deeply."""
    row = {"result_id": "r", "video_id": "ключ" * 500, "deep": nested(levels)}
    embedded.change(with_api(playground_search=lambda *_, **__: [row]))

    assert embedded.push(completed()) == 200

    (published,) = matches(embedded)
    assert (published["video_id"], published["payload"]["match"]["result_id"]) == (
        "ключ" * 500,
        "r",
    )
