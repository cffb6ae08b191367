"""The ports to a cloud, and its two backends: Google's services, or SQLite and files.

`ingest`, `automate`, `watch`, `messages`, `cli` and the local stack open a backend with
`open_backend` and use the ports. It imports settings and events, never `api`.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from videovector_bridge.backends.ports import Backend
from videovector_bridge.settings import BackendSettings

if TYPE_CHECKING:  # ports that few functions use, and each of them by name
    from videovector_bridge.backends.inventory_port import Inventory
    from videovector_bridge.backends.reading_ports import Backlogs, Collections, Subscriptions
    from videovector_bridge.backends.refreshed_secret import RefreshedSecret


def load_backend(environ: Mapping[str, str]) -> None:
    """Import the libraries of the backend that the variable BACKEND of `environ` selects.

    It connects to nothing, so a process may do it before a fork. Does nothing for the embedded
    backend, which is small, and for a wrong value, which the settings report.
    """
    if environ.get("BACKEND", "").strip() in ("", "gcp"):
        import_module("videovector_bridge.backends.gcp")


def open_backend(settings: BackendSettings) -> Backend:
    """Return the backend of `settings`; import only that one.

    It connects to nothing yet: each process creates its clients at its first call, so a backend
    may be opened before a fork. Thread-safe. Raises nothing but `ImportError`.
    """
    if settings.kind == "embedded":
        from videovector_bridge.backends.embedded import open_embedded  # noqa: PLC0415 - only one

        return open_embedded(settings)
    from videovector_bridge.backends.gcp import open_gcp  # noqa: PLC0415 - only one

    return open_gcp(settings)


def open_collections(settings: BackendSettings) -> "Collections":
    """Return the collections of documents of `settings`. It connects to nothing yet."""
    if settings.kind == "embedded":
        from videovector_bridge.backends.embedded.documents import SqliteDocuments  # noqa: PLC0415

        return SqliteDocuments(Path(settings.embedded_dir))
    from videovector_bridge.backends.gcp.documents import FirestoreDocuments  # noqa: PLC0415
    from videovector_bridge.backends.gcp.retry import Retry  # noqa: PLC0415

    return FirestoreDocuments(settings.project, Retry(), settings.firestore_database)


def open_subscriptions(settings: BackendSettings) -> "Subscriptions":
    """Return the subscriptions of `settings`, to read by pull. It connects to nothing yet."""
    if settings.kind == "embedded":
        from videovector_bridge.backends.embedded.subscriptions import (  # noqa: PLC0415
            SqliteSubscriptions,
        )

        return SqliteSubscriptions(Path(settings.embedded_dir))
    from videovector_bridge.backends.gcp.retry import Retry  # noqa: PLC0415
    from videovector_bridge.backends.gcp.subscriptions import PubSubSubscriptions  # noqa: PLC0415

    return PubSubSubscriptions(settings.project, Retry(), settings.pubsub_endpoint)


def open_backlogs(settings: BackendSettings) -> "Backlogs":
    """Return the backlogs of subscriptions. It connects to nothing yet."""
    if settings.kind == "embedded":
        from videovector_bridge.backends.embedded.backlogs import SqliteBacklogs  # noqa: PLC0415

        return SqliteBacklogs(Path(settings.embedded_dir))
    from videovector_bridge.backends.gcp.monitoring import MonitoredBacklogs  # noqa: PLC0415
    from videovector_bridge.backends.gcp.rest import GoogleRest  # noqa: PLC0415

    return MonitoredBacklogs(settings.project, GoogleRest())


def open_inventory(settings: BackendSettings) -> "Inventory | None":
    """Return how resources are configured; None for the embedded backend, which has no such API."""
    if settings.kind == "embedded":
        return None
    from videovector_bridge.backends.gcp.inventory import GoogleInventory  # noqa: PLC0415
    from videovector_bridge.backends.gcp.rest import GoogleRest  # noqa: PLC0415

    return GoogleInventory(settings.project, settings.firestore_database, GoogleRest())


def open_secret(name: str, report: Callable[[str], None]) -> "RefreshedSecret":
    """Return a secret in Secret Manager, `projects/PROJECT/secrets/NAME`; import its library.

    It connects to nothing yet. `report` receives why the secret cannot be read again while its last
    value stays valid.
    """
    from videovector_bridge.backends.gcp.secret_manager import LatestVersion  # noqa: PLC0415 - only here
    from videovector_bridge.backends.refreshed_secret import RefreshedSecret  # noqa: PLC0415

    return RefreshedSecret(LatestVersion(name).read, report)


__all__ = [
    "Backend",
    "BackendSettings",
    "load_backend",
    "open_backend",
    "open_backlogs",
    "open_collections",
    "open_inventory",
    "open_secret",
    "open_subscriptions",
]
