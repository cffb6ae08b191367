"""Checking which events automations listen to: types that no event has, or not on that channel."""

import json

import pytest

from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.automate.automations.glob_problems import find_glob_problem
from videovector_bridge.automate.check.check import check_automations


def check_globs(*on: str, channel: str = "") -> tuple[list[str], list[str]]:
    """The mistakes and the warnings of an automation on these events."""
    text = (
        f'[[automation]]\nname = "a"\non = {json.dumps(on)}\nchannel = "{channel}"\n'
        '[automation.snapshot_media]\nvideo_id = "{event.video_id}"\n'
    )
    checked = check_automations(text, "a.toml", {})
    start = "a.toml:3: warning: automation 'a': on: "
    return (
        [str(each).removeprefix(start.replace("warning: ", "")) for each in checked.mistakes],
        [str(each).removeprefix(start) for each in checked.warnings],
    )


REGEX = "looks like a regular expression; `on` has globs, where * is any text and ? one character"


@pytest.mark.parametrize(
    ("glob", "write"),
    [
        (r"prompt_run\..*", '"prompt_run.*"'),
        ("^processing", '"processing*"'),
        ("^prompt_run.*$", '"prompt_run.*"'),
        ("prompt_run.failed$", '"prompt_run.failed"'),
        ("(a|b)", '"a", "b"'),
        ("^(?:a|b)$", '"a", "b"'),
        ("a.x|b.x", '"a.x", "b.x"'),
        (r"prompt_run\.(failed|completed)", '"prompt_run.failed", "prompt_run.completed"'),
        ("prompt_run.{failed,completed}", '"prompt_run.failed", "prompt_run.completed"'),
        (".*", '"*"'),
        (".*failed", '"*failed"'),
        ("processing.run_.*", '"processing.run_*"'),
        ("prompt_run..*", '"prompt_run.*"'),
        ("processing.+", '"processing?*"'),
        (r"[a-z_]+\.failed", '"?*.failed"'),
        ("(?i)failed", ""),
        ("((a|b))", ""),
        ("a{1,2}", ""),
        ("a+", ""),
        ("(" * 10_000, ""),
    ],
)
def test_a_regular_expression_is_a_mistake(glob: str, write: str) -> None:
    """The message has the equivalent globs, if there are any."""
    assert find_glob_problem(glob) == (REGEX, f"write {write}" if write else "")


@pytest.mark.parametrize(
    ("glob", "what", "write"),
    [
        ("prompt_run.failed ", "has blanks or commas", 'write "prompt_run.failed"'),
        ("a.b, a.c", "has blanks or commas", 'write "a.b", "a.c"'),
        ("a\nb", "has blanks or commas", 'write "a", "b"'),
        (" ", "has blanks or commas", ""),
        ("[ab", "has a [ without its ]", ""),
    ],
)
def test_a_glob_that_matches_no_type_is_a_mistake(glob: str, what: str, write: str) -> None:
    """Several types in one text are a list."""
    reason, fix = find_glob_problem(glob)

    assert reason.startswith(what)
    assert fix == write


@pytest.mark.parametrize(
    "glob", ["*", "prompt_run.*", "*.failed", "processing.*.*", "[mp]*", "[!x]?*", "[[]", "new-1.x"]
)
def test_a_glob_is_no_mistake(glob: str) -> None:
    """Globs may use the whole syntax of `fnmatch`."""
    assert find_glob_problem(glob) == ("", "")


def test_a_mistake_names_the_glob() -> None:
    """It has one message, and the other globs are checked all the same."""
    mistakes, warnings = check_globs("^media", "prompt_run.fail")

    assert mistakes == [f"'^media' {REGEX}; write \"media*\""]
    assert [each.partition(" ")[0] for each in warnings] == ["'prompt_run.fail'"]


@pytest.mark.parametrize(
    ("on", "channel", "warning"),
    [
        (
            "processing.run_failed",
            "webhook",
            (
                "'processing.run_failed' matches no known event of channel 'webhook'; "
                'leave channel out, or write channel = "stream"'
            ),
        ),
        (
            "media.preview_stored",
            "",
            (
                "'media.preview_stored' matches only events of the bridge itself, which have "
                "channel 'bridge'; write channel = \"bridge\""
            ),
        ),
        (
            "search.*",
            "stream",
            ("'search.*' matches no known event of channel 'stream'; write channel = \"bridge\""),
        ),
        (
            "prompt_run.failed",
            "bridge",
            (
                "'prompt_run.failed' matches no known event of channel 'bridge'; leave "
                'channel out, or write channel = "stream"'
            ),
        ),
        (
            "bridge.stream.gap",
            "bridge",
            (
                "'bridge.stream.gap' matches no known event of channel 'bridge'; leave "
                'channel out, or write channel = "stream"'
            ),
        ),
        (
            "bridge.canary",
            "",
            (
                "'bridge.canary' matches only events of the bridge itself, which have "
                "channel 'bridge'; write channel = \"bridge\""
            ),
        ),
        (
            "prompt_run.progress",
            "reconciled",
            (
                "'prompt_run.progress' matches no known event of channel 'reconciled'; leave "
                'channel out, or write channel = "stream"'
            ),
        ),
        (
            "bridge.gap",
            "",
            (
                "'bridge.gap' matches no documented event, nor processing.*; did you mean "
                "bridge.stream.gap?"
            ),
        ),
        (
            "processing.stream_error",
            "",
            (
                "'processing.stream_error' ends a connection to the stream and is never published; "
                "leave it out: `drain` counts and logs it"
            ),
        ),
    ],
)
def test_what_the_channel_never_carries_is_a_warning(on: str, channel: str, warning: str) -> None:
    """The message names the right channel."""
    assert check_globs(on, channel=channel) == ([], [warning])


def test_a_type_of_another_channel_among_others_needs_its_own_automation() -> None:
    """An automation has one channel."""
    assert check_globs("prompt_run.failed", "search.matched") == (
        [],
        [
            (
                "'search.matched' matches only events of the bridge itself, which have channel "
                "'bridge'; write channel = \"bridge\", in a separate automation"
            )
        ],
    )


@pytest.mark.parametrize(
    ("on", "channel"),
    [
        ("processing.anything", ""),
        ("processing.anything", "stream"),
        ("prompt_run.failed", "stream"),  # no reference lists the types of the stream
        ("prompt_run.*", "webhook"),
        ("media.*", "webhook"),
        ("media.*", "bridge"),
        ("bridge.stream.gap", "stream"),
        ("bridge.*", ""),
        ("*", "bridge"),
        ("*", "webhook"),
        ("processing.*", "reconciled"),
        ("media.processing.failed", "reconciled"),
    ],
)
def test_what_a_channel_may_carry_is_no_warning(on: str, channel: str) -> None:
    """Documented types everywhere, the stream's also unlisted, the bridge's own by its channel."""
    assert check_globs(on, channel=channel) == ([], [])


def test_a_glob_that_is_none_is_one_of_the_others() -> None:
    """The hint does not ask to change the channel of the other globs."""
    _, (warning,) = check_globs("^prompt_run", "search.matched")

    assert warning.endswith(", in a separate automation")


def test_every_type_that_an_action_publishes_is_carried() -> None:
    """The channel of the bridge has the events of all actions."""
    emitted = [action.emits for action in ACTIONS.values() if action.emits]

    assert check_globs(*emitted, channel="bridge") == ([], [])
