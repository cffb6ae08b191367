"""The source file of a deployment whose secrets are trusted for a moment, not for 30 s."""

from typing import Any

import main
from videovector_bridge.backends import refreshed_secret

# Before the module that reads from Secret Manager is imported, with the first request.
vars(refreshed_secret).update(TRUSTED_SECONDS=0.2, READ_SECONDS=2.0, _RETRY_SECONDS=0.2)


def __getattr__(name: str) -> Any:
    return getattr(main, name)
