"""Ids of videos and segments in an automation's fields. Pure."""

from typing import Any, Final

from videovector_bridge.errors import PermanentError

MAX_ID_CHARACTERS: Final = 1_000


def parse_media_id(value: Any, name: str) -> str:
    """Return `value`, the rendered field `name`, if it is a valid id.

    An id has 1 to `MAX_ID_CHARACTERS` characters. Raises `PermanentError` `no_target` otherwise.
    """
    if not isinstance(value, str) or not value:
        raise _no_target(name, f"is {str(value)[:50]!r}")
    if len(value) > MAX_ID_CHARACTERS:
        raise _no_target(name, f"has {len(value):,} characters, more than {MAX_ID_CHARACTERS:,},")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _no_target(name, "has half a surrogate pair") from None
    return value


def _no_target(name: str, what: str) -> PermanentError:
    thing = name.removesuffix("_id")
    return PermanentError(
        f"There is no {thing} to act on: {name} {what} for this event.",
        owner="user",
        code="no_target",
    )
