"""A store in Google's Secret Manager: a write adds a version, a read returns the latest."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

from google.api_core import exceptions as google_errors
from google.cloud.secretmanager_v1 import SecretManagerServiceClient, SecretPayload

from videovector_bridge.backends.gcp.retry import Retry
from videovector_bridge.backends.gcp.secret_manager import explain_access, open_client
from videovector_bridge.backends.refreshed_secret import READ_SECONDS, TRUSTED_SECONDS
from videovector_bridge.errors import BackendError, SettingsError
from videovector_bridge.settings.cloud import SECRET_NAME

T = TypeVar("T")

_SECONDS = 30.0
_NEEDED = ("secretmanager.versions.access", "secretmanager.versions.add")


class SecretManagerStore:
    """The `SecretStore` port on one secret, `projects/P/secrets/S`, which must exist.

    Old versions stay; the operator destroys them. `SECRET_MANAGER_EMULATOR_HOST` (`host:port`)
    names a server to use instead of Google's.
    """

    # A receiver uses a version for this long, and while it reads the next one.
    propagation_seconds = TRUSTED_SECONDS + READ_SECONDS

    def __init__(self, secret: str, retry: Retry | None = None) -> None:
        """Raise `SettingsError` for a name in another form. Connects on the first call."""
        if not SECRET_NAME.fullmatch(secret):
            raise SettingsError([f"--secret must be projects/PROJECT/secrets/NAME, not {secret!r}"])
        self._secret = secret
        self._retry = retry or Retry()
        self._client: SecretManagerServiceClient | None = None
        self._last_version = 0  # the one that was read or written last

    def __str__(self) -> str:
        return self._secret

    def read(self) -> str:
        """Return the text of the latest version, or an empty one if there is none."""
        try:
            response = self._call(
                f"Reading {self._secret}",
                lambda client, seconds: client.access_secret_version(
                    name=f"{self._secret}/versions/latest", timeout=seconds, retry=None
                ),
            )
            self._last_version = _parse_version(response.name)
            return bytes(response.payload.data).decode()
        except BackendError as error:
            if isinstance(error.__cause__, google_errors.NotFound):
                self._last_version = 0
                return ""
            raise
        except UnicodeDecodeError:
            raise SettingsError([f"--secret {self._secret} is not UTF-8 text"]) from None

    def write(self, text: str) -> bool:
        """Add a version; False if it does not follow the version that was read or written last.

        A retry after a lost response may add the same text twice; that returns False too.
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
        before, self._last_version = self._last_version, _parse_version(added.name)
        return self._last_version == before + 1

    def lock(self) -> AbstractContextManager[None]:
        """Do nothing: Secret Manager has no lock, but `write` reports other writers."""
        return nullcontext()

    def check_writable(self) -> None:
        """Check the permissions to read and add versions."""
        granted = self._call(
            f"Checking the permissions on {self._secret}",
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
                f"No permission for {self._secret}: {', '.join(missing)} is missing. "
                f"{self._advice()}"
            )

    def _call(self, what: str, attempt: Callable[[SecretManagerServiceClient, float], T]) -> T:
        client = self._open_client()
        return self._retry.call(
            what, lambda seconds: attempt(client, seconds), _SECONDS, self._explain
        )

    def _open_client(self) -> SecretManagerServiceClient:
        if self._client is None:
            self._client = open_client()
        return self._client

    def _explain(self, error: Exception) -> str | None:
        if isinstance(error, google_errors.NotFound | google_errors.PermissionDenied):
            return f"({error.message}) {self._advice()}"
        return explain_access(error, self._secret)

    def _advice(self) -> str:
        _, project, _, name = self._secret.split("/")
        return (
            "If the secret does not exist: gcloud secrets create "
            f"{name} --project={project} --replication-policy=automatic. If it exists, grant "
            "yourself roles/secretmanager.secretVersionAdder and "
            "roles/secretmanager.secretAccessor on it."
        )


def _parse_version(name: str) -> int:
    """Return the number at the end of a version's name. Versions are numbered from 1."""
    return int(name.rpartition("/")[2])
