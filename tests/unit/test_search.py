"""Saved searches: each match is published once, whatever comes how often."""

from collections.abc import Callable
from typing import Any

import pytest

from infra.local.standin import StandIn, StandInConfig
from tests.unit.subscribing import Deployed, event
from videovector_bridge.automate import subscriber, wiring
from videovector_bridge.automate.actions import search
from videovector_bridge.automate.actions.search import match_key
from videovector_bridge.backends.ports import Message
from videovector_bridge.errors import BackendError

Deploy = Callable[[str], Deployed]
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
    """A VideoVector with videos in its playground."""
    with StandIn(StandInConfig(videos=0, playground_videos=3)) as running:
        yield running


@pytest.fixture
def searches(deploy: Deploy) -> Deployed:
    """`run_searches` over each backend in turn."""
    deployed = deploy("run_searches")
    deployed.automations(TEXT)
    return deployed


@pytest.fixture
def embedded(deploy_embedded: Deploy) -> Deployed:
    """The function over the embedded backend."""
    deployed = deploy_embedded("run_searches")
    deployed.automations(TEXT)
    return deployed


def completed(name: str = "evt_1", second: int = 0, query: Any = "a an two") -> dict[str, Any]:
    """An event about a run that completed."""
    return event(name, second, event_type="prompt_run.completed", payload={"query": query})


def matches(deployed: Deployed) -> list[dict[str, Any]]:
    """The matches that were published."""
    return deployed.announced("search.matched")


def all_segments(deployed: Deployed) -> set[str]:
    """The segments that the stand-in's playground has."""
    world = deployed.standin._world
    assert world is not None
    return set(world.library.segments)


def test_each_match_is_published(searches: Deployed) -> None:
    """With what was searched for, the whole match, and its ids where every event has them."""
    assert searches.push(completed()) == 200

    found = matches(searches)
    assert {one["segment_id"] for one in found} == all_segments(searches)
    one = found[0]
    assert one["payload"]["match"]["segment_id"] == one["segment_id"]
    assert one["payload"]["search"] == {"query": "a an two", "top_k": 50}
    assert (one["payload"]["automation"], one["payload"]["event_id"]) == ("cars", "evt_1")
    assert one["event_id"] == f"search.matched:{match_key('cars', one['payload']['match'])}"


def test_a_match_is_published_once(searches: Deployed) -> None:
    """Neither a redelivery nor a later search reports it again."""
    searches.push(completed())
    count = len(matches(searches))

    assert searches.push(completed()) == 200
    assert searches.requests(POST) == 1
    assert searches.push(completed("evt_2", 2)) == 200
    assert searches.requests(POST) == 2

    assert len(matches(searches)) == count


def test_what_is_new_is_published(searches: Deployed) -> None:
    """A later search reports what the earlier ones did not find."""
    searches.automations(TEXT.replace("top_k = 50", "top_k = 1"))
    searches.push(completed())
    assert len(matches(searches)) == 1

    searches.automations(TEXT)
    searches.push(completed("evt_2", 2))

    found = [one["segment_id"] for one in matches(searches)]
    assert sorted(found) == sorted(all_segments(searches))


def test_each_automation_remembers_for_itself(embedded: Deployed) -> None:
    """The same match is new to another search."""
    embedded.automations(TEXT, TEXT.replace('"cars"', '"more cars"'))

    embedded.push(completed())

    assert len(matches(embedded)) == 2 * len(all_segments(embedded))


def test_a_filter_search_reads_all_pages(searches: Deployed) -> None:
    """In either style that VideoVector answers in."""
    searches.automations(CONDITIONS)

    assert searches.push(completed()) == 200

    assert {one["segment_id"] for one in matches(searches)} == all_segments(searches)
    assert searches.requests(FILTER) >= 1


def test_a_failure_half_way_goes_on(embedded: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    """The redelivery publishes the rest, and what was in hand under the same id."""
    monkeypatch.setattr(subscriber, "_PAUSE_SECONDS", 0.0)
    topics = type(wiring.instance.get()[0].backend.topics)
    publish = topics.publish
    count = 0

    def failing(self: Any, topic: str, messages: list[Message], *, timeout: float) -> None:
        nonlocal count
        count += topic == "events"
        publish(self, topic, messages, timeout=timeout)
        if count == 3:
            raise BackendError("the answer was lost")

    monkeypatch.setattr(topics, "publish", failing)
    assert embedded.push(completed()) == 503
    assert embedded.push(completed()) == 200

    found = [one["event_id"] for one in matches(embedded)]
    assert len(set(found)) == len(all_segments(embedded))
    assert len(found) - len(set(found)) == 1


def test_a_search_without_end_comes_again(
    embedded: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was published by then is not published again."""
    monkeypatch.setattr(search, "_ALL_SECONDS", -1.0)
    assert embedded.push(completed()) == 503
    monkeypatch.undo()
    assert matches(embedded) == []


@pytest.mark.parametrize("query", [None, "", "  ", 5])
def test_a_search_for_nothing_is_rejected(embedded: Deployed, query: object) -> None:
    """What is not a text cannot be searched for."""
    assert embedded.push(completed(query=query)) == 200

    (found,) = embedded.published("rejected")
    assert (found.attributes["reason"], found.attributes["code"]) == ("user", "bad_search")
    assert embedded.requests(POST) == 0


def test_what_videovector_refuses_is_rejected(embedded: Deployed) -> None:
    """A condition that it does not know."""
    embedded.automations(CONDITIONS.replace("greater_than", "much_greater"))

    assert embedded.push(completed()) == 200

    (found,) = embedded.published("rejected")
    assert found.attributes["reason"] == "user"


def test_a_match_without_an_id_is_told_by_its_place() -> None:
    """Two segments are two matches, whatever their text."""
    here = {"video_id": "v", "segment_id": "s", "start_time": 1.0, "end_time": 2.0}

    assert match_key("a", here) == match_key("a", {**here, "text_content": "other"})
    assert match_key("a", here) != match_key("a", {**here, "start_time": 1.5})
    assert match_key("a", here) != match_key("b", here)
    assert match_key("a", {**here, "result_id": "r"}) == match_key("a", {"result_id": "r"})
    assert match_key("a", {"result_id": "r", "result_type": "x"}) != match_key(
        "a", {"result_id": "r"}
    )


def test_pictures_are_not_passed_on() -> None:
    """A match that holds one is published without it."""
    big = {"result_id": "r", "thumbnail": "x" * 20_001, "text_content": "y" * 20_000}

    assert search._passed_on(big) == {"result_id": "r", "text_content": "y" * 20_000}
