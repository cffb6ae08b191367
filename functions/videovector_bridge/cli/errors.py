"""The message and exit status of every error, and the error of an unreached state."""

from videovector_bridge.api import Conflict, RateLimited, ServerTrouble, Unreachable
from videovector_bridge.errors import BridgeError, SettingsError

FAILED = 1
WRONG_USAGE = 2
NOT_REACHED = 3

EXIT_STATUSES = (
    "Exit status: 0 done; 1 VideoVector or Google Cloud refused or failed; 2 wrong usage or "
    "settings, nothing was done; 3 the desired state was not reached in time."
)

_TEMPORARY = (Conflict, RateLimited, ServerTrouble, Unreachable)


class NotReachedError(BridgeError):
    """Every request succeeded, but the desired state was not reached."""


def exit_status(error: BridgeError) -> int:
    """Return the exit status for an error."""
    if isinstance(error, SettingsError):
        return WRONG_USAGE
    return NOT_REACHED if isinstance(error, NotReachedError) else FAILED


def describe_error(error: BridgeError) -> str:
    """Return the message for an error: a list for settings, otherwise a sentence."""
    if isinstance(error, SettingsError):
        return "Wrong usage or settings:" + "".join(f"\n  {p}" for p in error.problems)
    if isinstance(error, _TEMPORARY):
        return f"{error} Run the command again: it continues where it stopped."
    return str(error)
