"""No event that an automation may apply to is filtered away from the function that acts on it."""

import json

from hypothesis import given
from hypothesis import strategies as st

from tests.support.pubsub_filter import lets_through
from videovector_bridge.automate.automations.filters import MAX_FILTER_BYTES, derive_filters
from videovector_bridge.automate.automations.reader import read_automations
from videovector_bridge.automate.cel.event_values import EventValues

texts = st.text(alphabet="ab.", min_size=1, max_size=5)
globs = st.text(alphabet='ab.*?[]!\\"é', min_size=1, max_size=6) | st.sampled_from(
    [
        *("*", "media.*", "p*", "search.matched", "prompt_run.partial_completed"),
        *("processing.run_failed", "a" * 200, "b" * 300),
    ]
)
CHANNELS = ("stream", "webhook", "bridge", "reconciled")
channels = st.sampled_from(["", *CHANNELS])
types = texts | st.sampled_from(
    [
        *("media.preview_stored", "search.matched", "prompt_run.partial_completed"),
        *("media.processing.failed", "processing.run_failed", "a" * 200, "b" * 300),
    ]
)


@given(
    automations=st.lists(
        st.tuples(st.lists(globs, min_size=1, max_size=5), channels), min_size=1, max_size=5
    ),
    event_type=types,
    channel=st.sampled_from(CHANNELS),
)
def test_what_applies_passes(
    automations: list[tuple[list[str], str]], event_type: str, channel: str
) -> None:
    """For any globs, the filter is within the limit, and passes every matching event."""
    text = "".join(
        f'[[automation]]\nname = "{number}"\non = {json.dumps(on, ensure_ascii=False)}\n'
        f'channel = "{asked}"\n[automation.upsert_marker]\ntarget_type = "run"\ntarget_id = "r"\n'
        for number, (on, asked) in enumerate(automations)
    )
    read = read_automations(text, "a.toml")
    filter_ = derive_filters(read)["upsert_marker"]
    attributes = {"ce-type": f"com.vectormethods.{event_type}", "ce-channel": channel}

    assert len(filter_.encode()) <= MAX_FILTER_BYTES
    values = EventValues({"event_type": event_type, "channel": channel})
    if any(each.judge(values).applies for each in read):
        assert lets_through(filter_, attributes)
