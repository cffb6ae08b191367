"""Open the settings, automations and clients of a subscriber function."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from videovector_bridge.api import RetryPolicy
from videovector_bridge.api.client import VideoVectorClient
from videovector_bridge.automate.automations.reader import SHIPPED, read_automations
from videovector_bridge.automate.context import Context
from videovector_bridge.automate.effects.effects import Effects
from videovector_bridge.automate.metering import MeteredDocuments, count_api_call
from videovector_bridge.automate.plan import Automation
from videovector_bridge.backends import open_backend
from videovector_bridge.byte_budget import ByteBudget
from videovector_bridge.errors import SettingsError
from videovector_bridge.settings.subscriber import SubscriberSettings, subscriber_settings

# A part of the memory is for small events alone: no large one makes them wait.
_SMALL_BYTES: Final = 65_536
_SMALL_SHARE_BYTES: Final = 32 * _SMALL_BYTES  # as many as an instance handles at once
_START_SECONDS: Final = 5.0  # from the claim of an event to its request: one write
_TURN_SECONDS: Final = 2.0  # longer than most attempts, far shorter than one that hangs


class Instance(NamedTuple):
    """What a function uses in one process."""

    context: Context
    automations: tuple[Automation, ...]


def open_instance() -> Instance:
    """Read the environment and the automations file, and open the clients that they name.

    Raises `SettingsError`. Connects to nothing.
    """
    settings = subscriber_settings(os.environ)
    file = Path(settings.automations_file or SHIPPED)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"AUTOMATIONS_FILE {str(file)!r} cannot be read: {error}"]) from None
    automations = read_automations(text, file.name)
    backend = open_backend(settings.backend)
    backend = replace(backend, documents=MeteredDocuments(backend.documents))
    # An attempt may take one timeout to connect, one to send and one to read the response.
    seconds = settings.api.timeout_seconds
    effects = Effects(
        backend.documents,
        request_seconds=3 * seconds,
        late_seconds=seconds,
        start_seconds=_START_SECONDS,
        turn_seconds=_TURN_SECONDS,
    )
    budget = ByteBudget(
        settings.max_event_bytes + _SMALL_SHARE_BYTES,
        small_bytes=_SMALL_BYTES,
        small_share=_SMALL_SHARE_BYTES,
    )
    return Instance(Context(settings, backend, _open_api(settings), effects, budget), automations)


def _open_api(settings: SubscriberSettings) -> VideoVectorClient:
    def current_key() -> str:
        count_api_call()  # the client reads the key once per request
        return settings.api.key.current()

    return VideoVectorClient(
        settings.api.base_url,
        current_key,
        # Effects decide when another request may follow one whose outcome is unknown.
        retry=RetryPolicy(budget_seconds=settings.api.timeout_seconds, retry_unknown_outcome=False),
        timeout_seconds=settings.api.timeout_seconds,
    )
