"""The parameters and results of applying a state."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from videovector_bridge.automate.effects.parts import Progress
from videovector_bridge.errors import PermanentError

Outcome = Literal["done", "done_before", "refused"]


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A state to apply, with values from the target's record.

    `created`: this bridge may have created the target. `marker_id` is the id that VideoVector gave
    it, empty if unknown. `progress` has the parts that are done.
    """

    desired: Mapping[str, Any]
    created: bool = True
    marker_id: str = ""
    progress: Progress = field(default_factory=Progress)


class ApplyResult(NamedTuple):
    """The result of applying a state: the id of the marker that was set."""

    marker_id: str = ""


Apply = Callable[[Task], ApplyResult | None]
Report = Callable[[PermanentError], None]
