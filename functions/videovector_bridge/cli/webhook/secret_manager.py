"""A text in Google's Secret Manager: each write is a new version, the latest one counts."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

from google.api_core import exceptions as google_errors
from google.cloud.secretmanager_v1 import SecretManagerServiceClient, SecretPayload
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
    SecretManagerServiceGrpcTransport,
)

from videovector_bridge.backends.gcp.channels import open_transport
from videovector_bridge.backends.gcp.retry import Retry
from videovector_bridge.errors import BackendError, SettingsError

T = TypeVar("T")

_SECRET = re.compile(r"projects/[a-z0-9:._-]+/secrets/[A-Za-z0-9_-]{1,255}")
_SECONDS = 30.0
_NEEDED = ("secretmanager.versions.access", "secretmanager.versions.add")


class SecretManagerStore:
    """The `SecretStore` port on one secret, `projects/P/secrets/S`, which must exist.

    Older versions are left as they are, for the operator to destroy.
    `SECRET_MANAGER_EMULATOR_HOST` (`host:port`) names a server to use in the place of Google's.
    """

    # A mounted volume does not tell of a change: the receiver looks every 30 s (`secret.Secret`).
    settle_seconds = 35.0

    def __init__(self, secret: str, retry: Retry | None = None) -> None:
        """Raise `SettingsError` for another form. Connects nothing yet."""
        if not _SECRET.fullmatch(secret):
            raise SettingsError([f"--secret must be projects/PROJECT/secrets/NAME, not {secret!r}"])
        self._secret = secret
        self._retry = retry or Retry()
        self._opened: SecretManagerServiceClient | None = None
        self._seen = 0  # the version that was read or written last

    def __str__(self) -> str:
        return self._secret

    def read(self) -> str:
        """The text of the latest version, or nothing if there is none."""
        try:
            found = self._call(
                f"Reading {self._secret}",
                lambda client, seconds: client.access_secret_version(
                    name=f"{self._secret}/versions/latest", timeout=seconds, retry=None
                ),
            )
            self._seen = _number(found.name)
            return bytes(found.payload.data).decode()
        except BackendError as error:
            if isinstance(error.__cause__, google_errors.NotFound):
                self._seen = 0
                return ""
            raise
        except UnicodeDecodeError:
            raise SettingsError([f"--secret {self._secret} does not hold text"]) from None

    def write(self, text: str) -> bool:
        """Add a version; False if it is not the one after that which was read, or written, last.

        After a lost answer two may be added, which are the same; that is False too.
        """
        added = self._call(
            f"Adding a version to {self._secret}",
            lambda client, seconds: client.add_secret_version(
                parent=self._secret,
                payload=SecretPayload(data=text.encode()),
                timeout=seconds,
                retry=None,
            ),
        )
        before, self._seen = self._seen, _number(added.name)
        return self._seen == before + 1

    def held(self) -> AbstractContextManager[None]:
        """There is nothing to hold: `write` tells of others afterwards."""
        return nullcontext()

    def check_writable(self) -> None:
        """Ask whether we may read and add versions."""
        granted = self._call(
            f"Looking at {self._secret}",
            lambda client, seconds: (
                client.test_iam_permissions(
                    request={"resource": self._secret, "permissions": _NEEDED},
                    timeout=seconds,
                    retry=None,
                ).permissions
            ),
        )
        missing = [permission for permission in _NEEDED if permission not in granted]
        if missing:
            raise BackendError(
                f"You may not use {self._secret}: {', '.join(missing)} is missing. {self._advice()}"
            )

    def _call(self, what: str, attempt: Callable[[SecretManagerServiceClient, float], T]) -> T:
        client = self._client()
        return self._retry.call(
            what, lambda seconds: attempt(client, seconds), _SECONDS, self._explain
        )

    def _client(self) -> SecretManagerServiceClient:
        if self._opened is None:
            transport = open_transport(
                SecretManagerServiceGrpcTransport, "SECRET_MANAGER_EMULATOR_HOST"
            )
            self._opened = SecretManagerServiceClient(transport=transport)
        return self._opened

    def _explain(self, error: Exception) -> str | None:
        if isinstance(error, google_errors.NotFound | google_errors.PermissionDenied):
            return f"({error.message}) {self._advice()}"
        return None

    def _advice(self) -> str:
        _, project, _, name = self._secret.split("/")
        return (
            "If there is no such secret: gcloud secrets create "
            f"{name} --project={project} --replication-policy=automatic. If there is, grant "
            "yourself roles/secretmanager.secretVersionAdder and "
            "roles/secretmanager.secretAccessor on it."
        )


def _number(name: str) -> int:
    """The number of a version, which is one more than that of the one before."""
    return int(name.rpartition("/")[2])
