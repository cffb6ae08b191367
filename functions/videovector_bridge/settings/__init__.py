"""The settings of the bridge: frozen values, read from the environment once per entry point.

Every room above imports it. `SettingsError` names every wrong variable.
"""

from videovector_bridge.settings.api import ApiSettings, is_api_key, is_loopback_url
from videovector_bridge.settings.canary import CanarySettings, canary_settings
from videovector_bridge.settings.cloud import BackendSettings, TopicNames
from videovector_bridge.settings.drain import DrainSettings, drain_settings
from videovector_bridge.settings.filters import StreamFilters
from videovector_bridge.settings.streams import CursorPolicy, StreamSettings, WindowSettings
from videovector_bridge.settings.subscriber import SubscriberSettings, subscriber_settings
from videovector_bridge.settings.webhook import WebhookSettings, webhook_settings

__all__ = [
    "ApiSettings",
    "BackendSettings",
    "CanarySettings",
    "CursorPolicy",
    "DrainSettings",
    "StreamFilters",
    "StreamSettings",
    "SubscriberSettings",
    "TopicNames",
    "WebhookSettings",
    "WindowSettings",
    "canary_settings",
    "drain_settings",
    "is_api_key",
    "is_loopback_url",
    "subscriber_settings",
    "webhook_settings",
]
