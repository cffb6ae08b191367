"""Records of effects in both stores."""

from datetime import UTC, datetime
from typing import Any

import pytest

from videovector_bridge.automate.action import MAX_STATE_BYTES, TargetState, check_state
from videovector_bridge.automate.effects.record import Record, State, Version
from videovector_bridge.backends import Backend

VERSION = Version(datetime(2026, 1, 1, tzinfo=UTC).isoformat(timespec="microseconds"), "e", "//x")


@pytest.mark.parametrize(
    "desired",
    [{"v": "x" * (MAX_STATE_BYTES - 8)}, {"v": [-(2**63), [2**63 - 1, None, True]]}],
)
def test_a_state_that_fits_is_left_as_it_is(backend: Backend, desired: Any) -> None:
    """A record has it twice, and stays below Firestore's limits."""
    state = TargetState("x:1", desired)

    assert check_state(state) is state
    one = State(desired, VERSION)
    fields = Record(one, one).to_fields()
    backend.documents.write("effects", "x:1", fields, replaces=None, timeout=10)
    stored = backend.documents.read("effects", "x:1", timeout=10)
    assert stored is not None
    assert Record.from_fields(stored.fields) == Record(one, one)
