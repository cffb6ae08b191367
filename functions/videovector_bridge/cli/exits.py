"""The exit statuses, and which error has which."""

from videovector_bridge.errors import BridgeError, SettingsError

FAILED = 1
WRONG = 2
NOT_REACHED = 3

EXITS = (
    "Exit status: 0 done; 1 VideoVector or Google Cloud refused or failed; 2 wrong usage or "
    "settings, nothing was done; 3 the wanted state was not reached in time."
)


class NotReachedError(BridgeError):
    """Everything answered, and yet what was asked for did not come about."""


def exit_of(error: BridgeError) -> int:
    """The exit status that an error stands for."""
    if isinstance(error, SettingsError):
        return WRONG
    return NOT_REACHED if isinstance(error, NotReachedError) else FAILED
