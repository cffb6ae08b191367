"""`rejected` and `dead-letters`: list, show, redrive and drop, over each backend."""

import json
import stat
from pathlib import Path

import pytest

from tests.support.letters import (
    LetterBox,
    as_set,
    dead_letter,
    event_copy,
    raw_rejection,
    rejection,
)
from videovector_bridge.backends import BackendSettings
from videovector_bridge.backends.ports import Message
from videovector_bridge.events import REDRIVE_TO

FAILED = event_copy("e1", run_id="r1")
COMPLETED = event_copy("e2", run_id="r2", event_type="processing.run_completed")
ANY_DEAD = Message(b"\xff\x00", {"ce-id": "e3", "ce-subject": "a, b='c' \"d\""}, "")


@pytest.fixture
def box(backend_settings: BackendSettings, tmp_path: Path) -> LetterBox:
    """Subscriptions on each backend in turn."""
    return LetterBox(backend_settings, tmp_path)


@pytest.fixture
def embedded(embedded_settings: BackendSettings, tmp_path: Path) -> LetterBox:
    """Subscriptions on the embedded backend."""
    return LetterBox(embedded_settings, tmp_path)


def test_rejected_messages_are_counted_and_stay(box: LetterBox) -> None:
    """Grouped by code, function, automation and type; each command finds them again."""
    box.put("rejected", rejection(FAILED), rejection(FAILED, automation="blue"))
    box.put("rejected", rejection(COMPLETED), raw_rejection())

    first = box.result("rejected", "list")
    again = box.run("rejected", "list")

    assert (first["read"], first["selected"], first["is_complete"]) == (4, 4, True)
    assert {
        (row["code"], row["function"], row["automation"], row["type"]): row["messages"]
        for row in first["groups"]
    } == {
        ("validation_refused", "upsert-markers", "red", "prompt_run.failed"): 1,
        ("validation_refused", "upsert-markers", "blue", "prompt_run.failed"): 1,
        ("validation_refused", "upsert-markers", "red", "processing.run_completed"): 1,
        ("bad_json", "", "", ""): 1,
    }
    assert again.status == 0
    assert "4 of 4 messages of rejected" in again.err
    assert "upsert-markers" in again.out


def test_a_message_is_shown_with_what_to_do(embedded: LetterBox) -> None:
    """Every rejection of the event; query strings of signed URLs are hidden."""
    signed = "https://storage.googleapis.com/b/o?X-Goog-Signature=deadbeef"
    one = event_copy("e1", payload={"url": signed})
    embedded.put("rejected", rejection(one), rejection(one, automation="blue"), raw_rejection())

    shown = embedded.run("rejected", "show", "e1")
    as_json = embedded.result("rejected", "show", "e1")

    assert shown.status == 0
    for words in ("validation_refused", "upsert-markers", "red", "blue", "422: no such color"):
        assert words in shown.out
    assert "VideoVector refused it" in shown.out
    assert shown.out.count("https://storage.googleapis.com/b/o?[hidden]") == 2
    assert [each["automation"] for each in as_json["messages"]] == ["red", "blue"]
    assert as_json["messages"][0]["data"]["payload"]["url"].endswith("?[hidden]")


def test_a_message_that_is_no_event_is_shown_by_its_own_id(embedded: LetterBox) -> None:
    """`list --each` has the id. The status is 1 for an unknown one."""
    embedded.put("rejected", raw_rejection(b"no JSON"))
    (row,) = embedded.result("rejected", "list", "--each")["messages"]

    shown = embedded.run("rejected", "show", row["message_id"])
    unknown = embedded.run("rejected", "show", "e9")

    assert "no JSON" in shown.out
    assert "cannot be redriven" in shown.out
    assert unknown.status == 1
    assert "None of 1 messages has the id 'e9'" in unknown.err


def test_a_redrive_publishes_an_event_once_and_acknowledges_all_about_it(box: LetterBox) -> None:
    """As it was, with the same ce-id and lane. Others stay."""
    box.put("rejected", rejection(FAILED), rejection(FAILED, automation="blue"))
    box.put("rejected", rejection(COMPLETED, code="no_target"))

    result = box.result("rejected", "redrive", "--code", "validation_refused")

    assert result["left_by_reason"] == {}
    assert (result["selected"], result["published"], result["acknowledged"]) == (2, 1, 2)
    assert box.published(1) == [FAILED]
    assert box.left("rejected") == ["e2"]


def test_dead_letters_are_published_as_they_were(box: LetterBox) -> None:
    """Any bytes and attributes, without what Pub/Sub added, whatever function they are from."""
    box.put("dead-letters", dead_letter(FAILED), dead_letter(FAILED, "run-searches"))
    box.put("dead-letters", dead_letter(COMPLETED), dead_letter(ANY_DEAD))

    result = box.result("dead-letters", "redrive", "--all")

    assert (result["selected"], result["published"], result["acknowledged"]) == (4, 3, 4)
    assert as_set(box.published(3)) == as_set([FAILED, COMPLETED, ANY_DEAD])
    assert box.left("dead-letters") == []


def test_dead_letters_are_selected_by_function(embedded: LetterBox) -> None:
    """By the function's name or its action."""
    embedded.put("dead-letters", dead_letter(FAILED), dead_letter(COMPLETED, "run-searches"))

    for name in ("run-searches", "search"):
        (group,) = embedded.result("dead-letters", "list", "--function", name)["groups"]
        assert (group["function"], group["type"]) == ("run-searches", "processing.run_completed")


def test_a_redrive_to_one_function_addresses_it(box: LetterBox) -> None:
    """The copy names the action. A later redrive to all does not."""
    box.put("rejected", rejection(FAILED))
    box.result("rejected", "redrive", "--all", "--to", "upsert-markers")
    (addressed,) = box.published(1)
    box.put("rejected", rejection(addressed))
    box.result("rejected", "redrive", "--all")

    assert addressed.attributes == {**FAILED.attributes, REDRIVE_TO: "upsert_marker"}
    assert box.published(2)[-1] == FAILED


def test_a_redrive_to_a_function_whose_filter_excludes_the_event_is_refused(
    embedded: LetterBox,
) -> None:
    """The message stays, and the sentence says why."""
    embedded.put("rejected", rejection(FAILED), rejection(COMPLETED))

    ran = embedded.run("rejected", "redrive", "--all", "--to", "run-searches", "--json")

    assert ran.status == 1
    assert ran.json["published"] == 1
    assert ran.json["left_by_reason"] == {"filtered": 1}
    assert "excludes com.vectormethods.prompt_run.failed" in ran.err
    assert embedded.left("rejected") == ["e1"]


@pytest.mark.parametrize("name", ["drain", "nobody"])
def test_a_redrive_to_an_unknown_function_is_refused(embedded: LetterBox, name: str) -> None:
    """Only functions that act on topic `events` are known."""
    ran = embedded.run("rejected", "redrive", "--all", "--to", name)

    assert ran.status == 2
    assert f"--to {name}: no function" in ran.err
    assert "upsert-markers" in ran.err


def test_a_dry_run_shows_the_result_and_changes_nothing(embedded: LetterBox) -> None:
    """The numbers are those of the redrive itself."""
    embedded.put("rejected", rejection(FAILED), rejection(FAILED), raw_rejection())

    planned = embedded.result("rejected", "redrive", "--all", "--dry-run", status=1)
    assert embedded.published(9) == []
    assert embedded.records() == []
    done = embedded.result("rejected", "redrive", "--all", status=1)

    assert planned.pop("dry_run")
    assert not done.pop("dry_run")
    assert planned == done


def test_a_message_that_is_no_event_is_left_and_named(embedded: LetterBox) -> None:
    """The status is 1, because a selected message was left."""
    embedded.put("rejected", raw_rejection(), rejection(FAILED))

    ran = embedded.run("rejected", "redrive", "--all", "--json")

    assert ran.status == 1
    assert ran.json["acknowledged"] == 1
    assert [each["left"] for each in ran.json["left_messages"]] == ["no_event"]
    assert "1 left, no_event: the message is no event" in ran.err


def test_a_redrive_and_a_drop_are_recorded(box: LetterBox) -> None:
    """With the selection, the counts, and by whom."""
    box.put("rejected", rejection(FAILED), rejection(COMPLETED))
    box.result("rejected", "redrive", "--type", "prompt_run.*")
    box.result("rejected", "drop", "--id", "e2", "--yes")

    redrive, drop = sorted(box.records(), key=lambda record: str(record["at"]))

    assert (redrive["action"], redrive["subject"]) == ("redrive", "rejected")
    assert redrive["details"]["selection"] == {"types": ["prompt_run.*"]}
    assert (redrive["outcome"]["published"], redrive["outcome"]["acknowledged"]) == (1, 1)
    assert "@" in redrive["by"]
    assert (drop["action"], drop["details"]["first"]) == ("drop", ["e2"])
    assert drop["outcome"]["acknowledged"] == 1


def test_dropped_messages_are_gone(box: LetterBox) -> None:
    """Nothing is published; the others stay."""
    box.put("rejected", raw_rejection(), rejection(FAILED))

    result = box.result("rejected", "drop", "--code", "bad_json", "--yes")

    assert (result["selected"], result["published"], result["acknowledged"]) == (1, 0, 1)
    assert box.left("rejected") == ["e1"]


@pytest.mark.parametrize(("typed", "status", "left"), [("y\n", 0, []), ("n\n", 1, ["e1"])])
def test_a_drop_asks_and_shows_the_number(
    embedded: LetterBox, typed: str, status: int, left: list[str]
) -> None:
    """Without a response, nothing is dropped either."""
    embedded.put("rejected", rejection(FAILED))

    silent = embedded.run("rejected", "drop", "--all")
    ran = embedded.run("rejected", "drop", "--all", stdin=typed)

    assert silent.status == 1
    assert "Drop 1 messages of rejected?" in ran.err
    assert ran.status == status
    assert embedded.left("rejected") == left


def test_dropped_messages_can_be_saved_and_published_later(embedded: LetterBox) -> None:
    """The file is only for its owner, and is never overwritten."""
    file = embedded.folder / "dropped.jsonl"
    embedded.put("rejected", rejection(FAILED), rejection(COMPLETED), raw_rejection(b"\xff"))
    embedded.result("rejected", "drop", "--all", "--yes", "--save", str(file))
    again = embedded.run("rejected", "drop", "--all", "--yes", "--save", str(file))

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert again.status == 2
    assert "exists already" in again.err
    assert len(file.read_text().splitlines()) == 3

    result = embedded.result("rejected", "redrive", "--id", "e1", "--from", str(file))

    assert (result["selected"], result["published"]) == (1, 1)
    assert embedded.published(9) == [FAILED]


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "cannot be read"), ("{}\n", "line 1"), ("no JSON\n", "line 1")],
)
def test_a_file_that_is_none_of_drop_is_refused(
    embedded: LetterBox, content: str | None, problem: str
) -> None:
    """The sentence names the line."""
    file = embedded.folder / "messages.jsonl"
    if content is not None:
        file.write_text(content)

    ran = embedded.run("rejected", "redrive", "--all", "--from", str(file))

    assert ran.status == 2
    assert problem in ran.err


def test_an_empty_subscription_is_no_failure(box: LetterBox) -> None:
    """The sentence says that another reader may have the messages."""
    ran = box.run("dead-letters", "redrive", "--all")

    assert ran.status == 0
    assert "is empty, or another command has its messages" in ran.err
    assert "No message is selected" in ran.err
    assert box.records() == []


@pytest.mark.parametrize("verb", ["redrive", "drop"])
def test_a_change_needs_a_selection_or_all(embedded: LetterBox, verb: str) -> None:
    """Not both."""
    none = embedded.run("rejected", verb, "--limit", "3")
    both = embedded.run("rejected", verb, "--all", "--code", "no_target")

    assert (none.status, both.status) == (2, 2)
    assert "no selection: name what to select" in none.err
    assert "--all and a selection" in both.err


def test_every_wrong_option_is_named_at_once(embedded: LetterBox) -> None:
    """Options that dead letters do not have, unknown names, and a missing target."""
    ran = embedded.run(
        "dead-letters",
        "drop",
        *("--code", "c", "--automation", "a", "--reason", "nobody", "--json"),
        *("--function", "nobody"),
    )

    assert ran.status == 2
    for words in ("--code: dead", "--automation: dead", "--reason nobody", "--json needs --yes"):
        assert words in ran.err
    assert "--function nobody" in ran.err


def test_only_so_many_are_selected(embedded: LetterBox) -> None:
    """To try a correction with one event."""
    embedded.put("rejected", *(rejection(event_copy(f"e{number}")) for number in range(5)))

    result = embedded.result("rejected", "redrive", "--all", "--limit", "2")

    assert (result["selected"], result["acknowledged"]) == (2, 2)
    assert len(embedded.left("rejected")) == 3


def test_two_operators_do_not_get_the_same_messages(
    embedded: LetterBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the first asks, the second finds nothing. Then the first acknowledges its own."""
    embedded.put("rejected", rejection(FAILED))
    results = []

    def confirm(*_arguments: object, **_options: object) -> bool:
        results.append(embedded.run("rejected", "redrive", "--all"))
        return True

    monkeypatch.setattr("typer.confirm", confirm)
    ran = embedded.run("rejected", "drop", "--all")

    (second,) = results
    assert "another command has its messages" in second.err
    assert embedded.published(9) == []
    assert ran.status == 0
    assert embedded.left("rejected") == []


@pytest.mark.emulator
def test_a_topic_that_does_not_exist_leaves_everything(
    gcp_settings: BackendSettings, tmp_path: Path
) -> None:
    """The reason is in the message, the record and the status."""
    box = LetterBox(gcp_settings, tmp_path)
    box.put("rejected", rejection(FAILED))
    file = box.folder / "build" / "endpoints.json"
    endpoints = json.loads(file.read_text())
    endpoints["deployment"]["topics"]["events"] = "missing"
    file.write_text(json.dumps(endpoints))

    ran = box.run("rejected", "redrive", "--all", "--json")

    assert ran.status == 1
    assert "missing" in ran.json["error"]
    assert ran.json["left_by_reason"] == {"not_published": 1}
    assert box.left("rejected") == ["e1"]
    assert box.records()[0]["outcome"]["acknowledged"] == 0
