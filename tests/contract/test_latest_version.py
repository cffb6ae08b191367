"""`backends.gcp.secret_manager`: the latest version of a secret, over gRPC, and every failure."""

import subprocess
import sys
from collections.abc import Iterator

import grpc
import pytest

from tests.support.peers import dead_server, stalled_server
from tests.support.secret_manager import FakeSecretManager, serving_secrets
from videovector_bridge.backends.gcp.secret_manager import LatestVersion
from videovector_bridge.backends.refreshed_secret import READ_SECONDS
from videovector_bridge.errors import BackendError

SECRET = "projects/p/secrets/webhook"  # pragma: allowlist secret
EMULATOR = "SECRET_MANAGER_EMULATOR_HOST"


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSecretManager]:
    """A fake Secret Manager with one secret of two versions."""
    with serving_secrets() as fake:
        monkeypatch.setenv(EMULATOR, fake.address)
        fake.secrets[SECRET] = [b"one\n", "two ü\n".encode()]
        yield fake


def problem(seconds: float = READ_SECONDS) -> str:
    """Return the message of the error of a read."""
    with pytest.raises(BackendError) as caught:
        LatestVersion(SECRET, seconds).read()
    assert SECRET in str(caught.value)
    return str(caught.value)


def test_the_latest_version_is_read(manager: FakeSecretManager) -> None:
    """Each read returns the version that is the latest then."""
    version = LatestVersion(SECRET)
    assert version.read() == "two ü\n"
    manager.secrets[SECRET].append(b"three\n")

    assert version.read() == "three\n"


def test_destroyed_older_versions_do_not_matter(manager: FakeSecretManager) -> None:
    """An operator destroys them after a rotation."""
    manager.states[f"{SECRET}/versions/1"] = "DESTROYED"

    assert LatestVersion(SECRET).read() == "two ü\n"


def test_without_a_version_there_is_no_secret_yet(manager: FakeSecretManager) -> None:
    """Nor without the secret: Secret Manager does not distinguish the two."""
    manager.secrets[SECRET].clear()
    assert LatestVersion(SECRET).read() is None
    manager.secrets.clear()

    assert LatestVersion(SECRET).read() is None
    assert manager.calls == ["access"] * 2


@pytest.mark.parametrize("state", ["DISABLED", "DESTROYED"])
def test_a_latest_version_that_is_not_enabled_is_explained(
    manager: FakeSecretManager, state: str
) -> None:
    """No older version is read in its place; the message has both commands."""
    manager.states[f"{SECRET}/versions/2"] = state
    message = problem()

    assert f"versions/2] is in {state} state" in message
    assert "gcloud secrets versions enable NUMBER --secret=webhook --project=p" in message
    assert "gcloud secrets versions add webhook --project=p --data-file=-" in message
    assert manager.calls == ["access"]


def test_a_missing_permission_is_explained(manager: FakeSecretManager) -> None:
    """It is not retried."""
    manager.failures = [grpc.StatusCode.PERMISSION_DENIED]

    assert "Grant roles/secretmanager.secretAccessor" in problem()
    assert manager.calls == ["access"]


def test_temporary_failures_are_retried(manager: FakeSecretManager) -> None:
    """Within the time of a read."""
    manager.failures = [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL]

    assert LatestVersion(SECRET).read() == "two ü\n"


def test_a_version_that_is_not_text_is_refused(manager: FakeSecretManager) -> None:
    """The message does not quote it."""
    manager.secrets[SECRET].append(b"hidden-word\xff")
    message = problem()

    assert "is not UTF-8 text" in message
    assert "hidden" not in message


@pytest.mark.parametrize("kind", ["dead", "stalled"])
def test_a_read_ends_at_its_time(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request waits for it."""
    with stalled_server() as stalled:
        monkeypatch.setenv(EMULATOR, stalled if kind == "stalled" else dead_server())

        assert "did not succeed within 0.5 s" in problem(0.5)


def test_the_library_is_loaded_only_where_it_is_used() -> None:
    """A receiver with a text or a file of secrets does not load it."""
    code = (
        "import sys; from videovector_bridge.ingest.webhook import open_receiver;"
        "variables = {'GOOGLE_CLOUD_PROJECT': 'p', sys.argv[1]: sys.argv[2]};"
        "open_receiver(variables);"
        "print('google.cloud.secretmanager_v1' in sys.modules)"
    )

    def is_loaded(*variable: str) -> str:
        command = [sys.executable, "-c", code, *variable]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert is_loaded("WEBHOOK_SECRETS", "a-webhook-word") == "False"
    assert is_loaded("WEBHOOK_SECRETS_NAME", SECRET) == "True"
