"""Where state and messages live: one way in, `open_backend`."""

from videovector_bridge.backends.ports import Backend
from videovector_bridge.settings import BackendSettings


def open_backend(settings: BackendSettings) -> Backend:
    """Return the backend that `settings` name, importing only that one.

    Nothing is connected yet: each process makes its clients at its first call, so a backend may be
    opened before a fork. Safe to share between threads. Raises nothing but `ImportError`.
    """
    if settings.kind == "embedded":
        from videovector_bridge.backends.embedded import open_embedded  # noqa: PLC0415 - only one

        return open_embedded(settings)
    from videovector_bridge.backends.gcp import open_gcp  # noqa: PLC0415 - 300 ms

    return open_gcp(settings)


__all__ = ["Backend", "BackendSettings", "open_backend"]
