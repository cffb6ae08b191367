"""What an action is given to apply, and what it gives back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from videovector_bridge.automate.effects.parts import Progress
from videovector_bridge.errors import PermanentError

Outcome = Literal["done", "done_before", "refused"]


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What an action applies: the desired state, and what the record knows of the target.

    `created`: something that this bridge made may be there; `marker_id` is the id that VideoVector
    gave it, empty where none is known. `progress` has the parts that are done.
    """

    desired: Mapping[str, Any]
    created: bool = True
    marker_id: str = ""
    progress: Progress = field(default_factory=Progress)


class Applied(NamedTuple):
    """What an action learned when it applied a state: the id of the marker that it set."""

    marker_id: str = ""


Apply = Callable[[Task], Applied | None]
Report = Callable[[PermanentError], None]
