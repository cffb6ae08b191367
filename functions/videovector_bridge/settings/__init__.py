"""Every setting of the bridge: frozen values, read once per entry point from the environment.

The names are listed in README.md ("Configuration"). `SettingsError` names all that is wrong.
"""

from videovector_bridge.settings.api import ApiSettings
from videovector_bridge.settings.cloud import BackendSettings, TopicNames
from videovector_bridge.settings.drain import DrainSettings, drain_settings
from videovector_bridge.settings.streams import (
    CursorPolicy,
    StreamFilters,
    StreamSettings,
    WindowSettings,
)
from videovector_bridge.settings.subscriber import SubscriberSettings, subscriber_settings
from videovector_bridge.settings.webhook import WebhookSettings, webhook_settings

__all__ = [
    "ApiSettings",
    "BackendSettings",
    "CursorPolicy",
    "DrainSettings",
    "StreamFilters",
    "StreamSettings",
    "SubscriberSettings",
    "TopicNames",
    "WebhookSettings",
    "WindowSettings",
    "drain_settings",
    "subscriber_settings",
    "webhook_settings",
]
