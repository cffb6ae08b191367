"""The stores of secrets: a file, and Secret Manager over real gRPC."""

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from tests.support.secret_manager import FakeSecretManager, serving_secrets
from videovector_bridge.backends.gcp.retry import Retry
from videovector_bridge.cli.webhook.file_store import FileStore
from videovector_bridge.cli.webhook.secret_manager import SecretManagerStore
from videovector_bridge.cli.webhook.secret_store import choose_store
from videovector_bridge.errors import BackendError, SettingsError

SECRET = "projects/p/secrets/webhook"  # pragma: allowlist secret


def mode(path: Path) -> int:
    """The permissions of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Mode 0600 whatever the umask and whatever it was before; nothing else is left behind."""
    path = tmp_path / "secrets"
    before = os.umask(0)
    try:
        FileStore(path).write("one\n")
        assert mode(path) == 0o600
        path.chmod(0o644)
        FileStore(path).write("two\n")
    finally:
        os.umask(before)

    assert mode(path) == 0o600
    assert FileStore(path).read() == "two\n"
    assert [path] == list(tmp_path.iterdir())


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """Who has the old one open reads the old one: a new file takes its name."""
    path = tmp_path / "secrets"
    FileStore(path).write("old\n")

    with path.open() as reader:
        FileStore(path).write("new\n")

        assert reader.read() == "old\n"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """What it points at is replaced."""
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old\n")
    link.symlink_to(target)

    FileStore(link).write("new\n")

    assert link.is_symlink()
    assert target.read_text() == "new\n"


def test_a_file_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    """It is written later; the check leaves no trace."""
    store = FileStore(tmp_path / "secrets")

    store.check_writable()

    assert store.read() == ""
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_is_found_out_before(tmp_path: Path) -> None:
    """No folder, a folder in its place, a file in its folder's place: each is a sentence."""
    file = tmp_path / "file"
    file.touch()
    for path in (tmp_path / "none" / "x", tmp_path, file / "x"):
        with pytest.raises(SettingsError, match="--secret-file"):
            FileStore(path).check_writable()
    with pytest.raises(BackendError, match="could not be written"):
        FileStore(tmp_path / "none" / "x").write("word")


@pytest.mark.parametrize("kind", ["circle", "too long"])
def test_a_name_that_cannot_be_one_is_named(tmp_path: Path, kind: str) -> None:
    """Links that lead in a circle, or more letters than a name has."""
    path = tmp_path / ("x" * 300)
    if kind == "circle":
        path = tmp_path / "circle"
        path.symlink_to(path)
    store = FileStore(path)

    with pytest.raises(SettingsError, match="--secret-file"):
        store.check_writable()
    with pytest.raises((SettingsError, BackendError)):
        store.read()


def test_one_command_at_a_time_holds_a_file(tmp_path: Path) -> None:
    """Another waits until the first lets go, be it by dying."""
    store = FileStore(tmp_path / "secrets")
    order: list[str] = []
    waits = threading.Event()

    def other() -> None:
        waits.set()
        with FileStore(tmp_path / "secrets").held():
            order.append("other")

    with store.held():
        thread = threading.Thread(target=other)
        thread.start()
        waits.wait(30)
        order.append("first")
    thread.join(30)

    assert order == ["first", "other"]
    assert mode(tmp_path / ".secrets.lock") == 0o600


def test_a_failed_replacement_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old text stands, and no secret lies about in another file."""
    path = tmp_path / "secrets"
    FileStore(path).write("old\n")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(BackendError, match="No space left"):
        FileStore(path).write("new\n")

    assert path.read_text() == "old\n"
    assert [path] == list(tmp_path.iterdir())


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    """It is not quoted."""
    path = tmp_path / "secrets"
    path.write_bytes(b"hidden\xff")

    with pytest.raises(SettingsError) as caught:
        FileStore(path).read()

    assert "hidden" not in str(caught.value)


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSecretManager]:
    """A Secret Manager with one empty secret."""
    with serving_secrets() as fake:
        monkeypatch.setenv("SECRET_MANAGER_EMULATOR_HOST", fake.address)
        fake.secrets[SECRET] = []
        yield fake


def store() -> SecretManagerStore:
    """A store that does not wait long."""
    return SecretManagerStore(SECRET, Retry(base=0.0))


def test_each_write_is_a_version(manager: FakeSecretManager) -> None:
    """The latest one counts; older ones stay. None at all is an empty store."""
    assert store().read() == ""

    store().write("one\n")
    store().write("two ü\n")

    assert store().read() == "two ü\n"
    assert manager.secrets[SECRET] == [b"one\n", "two ü\n".encode()]


@pytest.mark.usefixtures("manager")
def test_a_version_of_somebody_else_in_between_is_told() -> None:
    """By its number; alone, each write is the one after that which was read."""
    one, other = store(), store()
    assert one.write("a")
    assert one.write("b")
    other.read()
    assert other.write("c")

    assert not one.write("d")
    assert one.write("e")


def test_the_grants_are_looked_at_before(manager: FakeSecretManager) -> None:
    """What is missing is named, and how to grant it; nothing is written for it."""
    store().check_writable()
    manager.permissions = ("secretmanager.versions.access",)

    with pytest.raises(BackendError, match=r"versions\.add is missing"):
        store().check_writable()

    assert manager.secrets[SECRET] == []


def test_a_secret_that_is_not_there(manager: FakeSecretManager) -> None:
    """The sentence says how to make it."""
    manager.secrets.clear()

    with pytest.raises(BackendError, match="gcloud secrets create webhook --project=p"):
        store().check_writable()
    with pytest.raises(BackendError, match="gcloud secrets create"):
        store().write("word\n")


def test_passing_trouble_is_retried(manager: FakeSecretManager) -> None:
    """And what is not passing is not."""
    manager.failures = [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL]
    store().write("word\n")
    manager.failures = [grpc.StatusCode.PERMISSION_DENIED]

    with pytest.raises(BackendError) as caught:
        store().write("hidden\n")

    assert "hidden" not in str(caught.value)
    assert manager.calls == ["add"] * 4


def test_a_version_that_is_no_text(manager: FakeSecretManager) -> None:
    """It is not quoted."""
    manager.secrets[SECRET] = [b"hidden\xff"]

    with pytest.raises(SettingsError, match="does not hold text"):
        store().read()


@pytest.mark.parametrize("name", ["webhook", "projects/p/secrets/s/versions/1", "projects/p"])
def test_a_secret_is_named_in_full(name: str) -> None:
    """Another form is told with the form that it must have."""
    problems: list[str] = []

    assert choose_store(None, name, problems) is None
    assert "projects/PROJECT/secrets/NAME" in problems[0]


def test_exactly_one_place(tmp_path: Path) -> None:
    """A file or a secret, not neither and not both."""
    problems: list[str] = []

    assert choose_store(None, "", problems) is None
    assert choose_store(tmp_path / "x", SECRET, problems) is None
    assert len(problems) == 2
    assert str(choose_store(tmp_path / "x", "", problems)) == str(tmp_path / "x")
