"""Faults as data: a script from which each request takes the first fault that applies to it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from fnmatch import fnmatchcase
from typing import Any, get_args

from infra.standin.config import RetryAfterForm, Shape
from infra.standin.errors import ApiError, invalid

STREAM = "GET /processing/events/stream"
STREAM_KINDS = (
    "cut",
    "stall",
    "drip",
    "garbage",
    "duplicate",
    "stream_error",
    "expired_cursor",
    "oversize",
    "no_id",
)
GENERAL_KINDS = ("status", "delay", "drop")
DELIVERY = "delivery"
"""Route name of webhook deliveries. Only faults on this route apply to them."""
DELIVERY_KINDS = ("repeat", "hold", "delay")
_DEFAULT_RAW = "event: processing.video_completed\ndata: {this is not JSON\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault. `kind` decides which of the other fields are used."""

    on: str = "*"
    kind: str
    times: int | None = 1
    """Number of requests that it applies to; None: every one."""
    containing: str = ""
    """General faults only: apply to requests with this text in the path or body."""

    after_events: int = 0
    """Stream faults: apply after this number of events on the connection."""
    after_bytes: int | None = None
    """`cut` only: apply after exactly this number of bytes of the body."""
    mid_frame: bool = False
    """`cut` only: send half of the next frame first."""
    clean: bool = False
    """`cut` only: end the response properly instead of closing the connection."""
    reset: bool = False
    """`cut` and `drop`: reset the connection (RST) instead of closing it."""
    seconds: float = 1.0
    """Duration of a `delay` or `stall`; time between the writes of a `drip`."""
    bytes: int = 1
    """`drip`: bytes of each write. `oversize`: bytes of the event's data."""
    n: int = 1
    """`duplicate`, `no_id`: number of frames. `drip`: number of frames, 0 for all that follow.
    `repeat`: number of extra copies. `hold`: number of other deliveries that arrive first."""
    raw: str = _DEFAULT_RAW
    """`garbage`: the bytes to send, verbatim."""

    status: int = 503
    code: str | None = None
    message: str = "Injected fault"
    shape: Shape | None = None
    retry_after: float | None = None
    retry_after_form: RetryAfterForm | None = None
    act: bool = False
    """`drop`: handle the request first, and lose only the response."""

    def fits(self, route: str) -> bool:
        """Whether the fault applies to the route, regardless of `containing`."""
        if DELIVERY in (route, self.on):
            return self.on == route and self.kind in DELIVERY_KINDS
        on = STREAM if self.on == "stream" else self.on
        return fnmatchcase(route, on) and (self.kind in GENERAL_KINDS or route == STREAM)

    def applies_to(self, route: str, *texts: str) -> bool:
        """Whether the fault applies to a request of the route with this path and body."""
        return self.fits(route) and (
            not self.containing or any(self.containing in text for text in texts)
        )

    def error(self) -> ApiError:
        """Return the error of a `status` fault."""
        return ApiError(
            self.status,
            self.message,
            code=self.code,
            shape=self.shape,
            retry_after=self.retry_after,
            retry_after_form=self.retry_after_form,
        )


class FaultScript:
    """Faults in order, each with the number of times it still applies."""

    def __init__(self) -> None:
        self._left: list[tuple[Fault, int | None]] = []

    def add(self, faults: list[Fault]) -> None:
        """Append faults to the script."""
        self._left += [(fault, fault.times) for fault in faults]

    def needs_content(self, route: str) -> bool:
        """Whether a fault for the route depends on the path and body of the request."""
        return any(fault.containing and fault.fits(route) for fault, _ in self._left)

    def take(self, route: str, *texts: str) -> Fault | None:
        """Return and count down the first fault that applies to the request."""
        for index, (fault, left) in enumerate(self._left):
            if fault.applies_to(route, *texts):
                if left is None or left > 1:
                    self._left[index] = (fault, None if left is None else left - 1)
                else:
                    del self._left[index]
                return fault
        return None

    def clear(self) -> None:
        """Remove every fault."""
        self._left.clear()

    def remaining(self) -> list[dict[str, Any]]:
        """Return the faults that are left, with `times` counted down."""
        return [asdict(fault) | {"times": left} for fault, left in self._left]


_TYPES: dict[str, tuple[type, ...]] = {
    "on": (str,),
    "kind": (str,),
    "times": (int, type(None)),
    "containing": (str,),
    "after_events": (int,),
    "after_bytes": (int, type(None)),
    "mid_frame": (bool,),
    "clean": (bool,),
    "reset": (bool,),
    "seconds": (int, float),
    "bytes": (int,),
    "n": (int,),
    "raw": (str,),
    "status": (int,),
    "code": (str, type(None)),
    "message": (str,),
    "shape": (str, type(None)),
    "retry_after": (int, float, type(None)),
    "retry_after_form": (str, type(None)),
    "act": (bool,),
}


def parse_faults(body: object) -> list[Fault]:
    """Parse one fault object or a list of them. Raises 422."""
    items = body if isinstance(body, list) else [body]
    return [_parse(item) for item in items]


def _parse(item: object) -> Fault:
    if not isinstance(item, Mapping):
        raise invalid("A fault is an object")
    known = {f.name for f in fields(Fault)}
    for name, value in item.items():
        if name not in known:
            raise invalid(f"A fault has no field {name!r}; it has {', '.join(sorted(known))}", name)
        types = _TYPES[name]
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise invalid(f"{name} is not of the right type", name)
    kind = item.get("kind")
    kinds = tuple(dict.fromkeys(STREAM_KINDS + GENERAL_KINDS + DELIVERY_KINDS))
    if kind not in kinds:
        choice = ", ".join(kinds)
        raise invalid(f"kind is {kind!r}; it is one of {choice}", "kind")
    if item.get("containing") and (kind not in GENERAL_KINDS or item.get("on") == DELIVERY):
        raise invalid(f"containing is for {', '.join(GENERAL_KINDS)} of requests", "containing")
    _check_choices(item)
    _check_numbers(item)
    return Fault(**item)


def _check_choices(item: Mapping[str, Any]) -> None:
    for name, choices in (
        ("shape", get_args(Shape)),
        ("retry_after_form", get_args(RetryAfterForm)),
    ):
        if item.get(name) is not None and item[name] not in choices:
            raise invalid(f"{name} is one of {', '.join(choices)}", name)


def _check_numbers(item: Mapping[str, Any]) -> None:
    for name in ("times", "bytes"):
        if item.get(name) is not None and item[name] < 1:
            raise invalid(f"{name} is at least 1", name)
    for name in ("after_events", "after_bytes", "seconds", "n", "retry_after"):
        if item.get(name) is not None and item[name] < 0:
            raise invalid(f"{name} is not negative", name)
    if not 400 <= item.get("status", 503) <= 599:
        raise invalid("status is between 400 and 599", "status")
