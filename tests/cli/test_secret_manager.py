"""`cli.webhook.secret_manager`: the store in Secret Manager, over gRPC."""

from collections.abc import Iterator

import grpc
import pytest

from tests.support.commands import WebhookCommands
from tests.support.secret_manager import FakeSecretManager, serving_secrets
from tests.support.webhook_api import URL
from videovector_bridge.backends.gcp.retry import Retry
from videovector_bridge.cli.stored_secrets import StoredSecrets
from videovector_bridge.cli.webhook.secret_manager import SecretManagerStore
from videovector_bridge.errors import BackendError, SettingsError

SECRET = "projects/p/secrets/webhook"  # pragma: allowlist secret


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSecretManager]:
    """A fake Secret Manager with one empty secret."""
    with serving_secrets() as fake:
        monkeypatch.setenv("SECRET_MANAGER_EMULATOR_HOST", fake.address)
        fake.secrets[SECRET] = []
        yield fake


def store() -> SecretManagerStore:
    """Return a store that retries without a pause."""
    return SecretManagerStore(SECRET, Retry(base=0.0))


def test_each_write_adds_a_version(manager: FakeSecretManager) -> None:
    """A read returns the latest; old ones stay. A secret without versions is an empty store."""
    assert store().read() == ""

    store().write("one\n")
    store().write("two ü\n")

    assert store().read() == "two ü\n"
    assert manager.secrets[SECRET] == [b"one\n", "two ü\n".encode()]


@pytest.mark.usefixtures("manager")
def test_a_version_of_another_process_is_noticed() -> None:
    """Without another process, each write follows the version that was read last."""
    one, other = store(), store()
    assert one.write("a")
    assert one.write("b")
    other.read()
    assert other.write("c")

    assert not one.write("d")
    assert one.write("e")


def test_permissions_are_checked_before_a_write(manager: FakeSecretManager) -> None:
    """The message names what is missing; the check writes nothing."""
    store().check_writable()
    manager.permissions = ("secretmanager.versions.access",)

    with pytest.raises(BackendError, match=r"versions\.add is missing"):
        store().check_writable()

    assert manager.secrets[SECRET] == []


def test_a_missing_secret_is_explained(manager: FakeSecretManager) -> None:
    """The message says how to create it."""
    manager.secrets.clear()

    with pytest.raises(BackendError, match="gcloud secrets create webhook --project=p"):
        store().check_writable()
    with pytest.raises(BackendError, match="gcloud secrets create"):
        store().write("word\n")


def test_temporary_failures_are_retried(manager: FakeSecretManager) -> None:
    """Other failures are not."""
    manager.failures = [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL]
    store().write("word\n")
    manager.failures = [grpc.StatusCode.PERMISSION_DENIED]

    with pytest.raises(BackendError) as caught:
        store().write("hidden\n")

    assert "hidden" not in str(caught.value)
    assert manager.calls == ["add"] * 4


def test_a_version_that_is_not_text_is_refused(manager: FakeSecretManager) -> None:
    """The message does not quote it."""
    manager.secrets[SECRET] = [b"hidden\xff"]

    with pytest.raises(SettingsError, match="is not UTF-8 text"):
        store().read()


def test_ensure_stores_the_secret_as_versions(
    cli: WebhookCommands, manager: FakeSecretManager
) -> None:
    """The first has the announcement, the second the secret."""
    ran = cli.run("ensure", "--url", URL, "--secret", SECRET, "--json")

    assert ran.json["stored_in"] == SECRET
    announced, stored = [version.decode() for version in manager.secrets[SECRET]]
    assert "# rotating until" in announced
    assert StoredSecrets.parse(stored).secrets.secrets[0].value == "word-new1-0"


def test_ensure_explains_a_missing_secret(cli: WebhookCommands, manager: FakeSecretManager) -> None:
    """Status 1, and the command that creates it."""
    manager.secrets.clear()
    ran = cli.run("ensure", "--url", URL, "--secret", SECRET)

    assert ran.status == 1
    assert "gcloud secrets create" in ran.err


def test_a_disabled_latest_version_is_explained(manager: FakeSecretManager) -> None:
    """The message has the commands that lead on; nothing is written over it."""
    store().write("word\n")
    manager.states[f"{SECRET}/versions/1"] = "DISABLED"

    with pytest.raises(BackendError, match="gcloud secrets versions enable NUMBER"):
        store().read()


def test_receivers_have_a_version_before_the_next_one_is_needed() -> None:
    """The time that a command waits covers how long a receiver uses a version."""
    assert store().propagation_seconds == 35
