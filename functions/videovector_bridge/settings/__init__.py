"""The settings of the bridge: frozen values, read from the environment once per entry point.

Every room above imports it. `SettingsError` names every wrong variable. Here are the settings that
several functions share. Import those of one entry point, and of streams, by module: a function
loads only its own.
"""

from videovector_bridge.settings.api import ApiSettings, is_api_key, is_loopback_url
from videovector_bridge.settings.cloud import BackendSettings, TopicNames

__all__ = [
    "ApiSettings",
    "BackendSettings",
    "TopicNames",
    "is_api_key",
    "is_loopback_url",
]
