"""Reading a secret through Secret Manager's API."""

from google.api_core import exceptions as google_errors
from google.cloud.secretmanager_v1 import SecretManagerServiceClient
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
    SecretManagerServiceGrpcTransport,
)

from videovector_bridge.backends.gcp.channels import open_transport
from videovector_bridge.backends.gcp.retry import Retry
from videovector_bridge.backends.per_process import PerProcess
from videovector_bridge.backends.refreshed_secret import READ_SECONDS
from videovector_bridge.errors import BackendError


class LatestVersion:
    """The latest version of the secret `projects/PROJECT/secrets/NAME`. Thread-safe.

    Connects at the first read of each process. A read ends within `seconds`.
    """

    def __init__(self, secret: str, seconds: float = READ_SECONDS) -> None:
        self._secret = secret
        self._seconds = seconds
        # A request that gets no response is repeated once.
        self._retry = Retry(attempt_seconds=seconds / 2)
        self._client = PerProcess(open_client)

    def read(self) -> str | None:
        """Return its text, or None if the secret does not exist or has no version.

        Raises `BackendError`, also if the version is disabled or destroyed, or is not UTF-8 text.
        """
        client = self._client.get()
        try:
            response = self._retry.call(
                f"Reading {self._secret}",
                lambda seconds: client.access_secret_version(
                    name=f"{self._secret}/versions/latest", timeout=seconds, retry=None
                ),
                self._seconds,
                lambda error: explain_access(error, self._secret),
            )
            return bytes(response.payload.data).decode()
        except BackendError as error:
            # Secret Manager has one error for both: no such secret, and no version.
            if isinstance(error.__cause__, google_errors.NotFound):
                return None
            raise
        except UnicodeDecodeError:
            raise BackendError(
                f"The latest version of {self._secret} is not UTF-8 text: add a version that has "
                "one webhook secret per line."
            ) from None


def open_client() -> SecretManagerServiceClient:
    """Return a client of Secret Manager.

    `SECRET_MANAGER_EMULATOR_HOST` (`host:port`) names a server to use instead of Google's. Raises
    `BackendError` if there are no credentials.
    """
    transport = open_transport(SecretManagerServiceGrpcTransport, "SECRET_MANAGER_EMULATOR_HOST")
    return SecretManagerServiceClient(transport=transport)


def explain_access(error: Exception, secret: str) -> str | None:
    """Return what to do if the latest version may not be read; None for other errors."""
    _, project, _, name = secret.split("/")
    if isinstance(error, google_errors.FailedPrecondition):
        return (
            f"({error.message}) The latest version counts, even if an older one is enabled. Enable "
            f"it: gcloud secrets versions enable NUMBER --secret={name} --project={project}. If it "
            f"is destroyed, add an empty one, echo '#' | gcloud secrets versions add {name} "
            f"--project={project} --data-file=-, and run `videovector-bridge webhook ensure`."
        )
    if isinstance(error, google_errors.PermissionDenied):
        return (
            f"({error.message}) Grant roles/secretmanager.secretAccessor on {secret} to the "
            "account that reads it."
        )
    return None
