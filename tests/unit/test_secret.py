"""`secret`: a value or a file that is read again when it changes."""

import os
from pathlib import Path

import pytest

from videovector_bridge.secret import Secret


def test_a_value_is_itself() -> None:
    """A secret given as a value stays as it is, and out of sight."""
    secret = Secret("word")

    assert secret.current() == "word"
    assert "word" not in repr(secret)
    assert "word" not in str(secret)


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    """A rotated key is in force at once, though it has the same length."""
    file = tmp_path / "key"
    file.write_text("first\n")
    secret = Secret(file=str(file))
    assert secret.current() == "first"
    file.write_text("other\n")
    os.utime(file, ns=(1, 1))

    assert secret.current() == "other"
    assert "other" not in repr(secret)


def test_a_mount_that_is_swapped_is_noticed(tmp_path: Path) -> None:
    """A mounted secret changes as a link does: another file under the same name."""
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
        os.utime(tmp_path / name, ns=(1, 1))
    link = tmp_path / "key"
    link.symlink_to(tmp_path / "one")
    secret = Secret(file=str(link))
    assert secret.current() == "one"
    link.unlink()
    link.symlink_to(tmp_path / "two")

    assert secret.current() == "two"


def test_an_unchanged_file_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking often costs a look at the file's times only."""
    file = tmp_path / "key"
    file.write_text("word")
    secret = Secret(file=str(file))
    secret.current()
    monkeypatch.setattr(Path, "read_text", lambda *_args, **_kw: pytest.fail("read again"))

    assert secret.current() == "word"


@pytest.mark.parametrize("spoil", ["removed", "binary"])
def test_a_file_that_cannot_be_read_leaves_the_last_value(tmp_path: Path, spoil: str) -> None:
    """While a secret is being replaced, the value before stays in force."""
    file = tmp_path / "key"
    file.write_text("word")
    secret = Secret(file=str(file))
    secret.current()
    if spoil == "removed":
        file.unlink()
    else:
        file.write_bytes(b"\xff\xfe\xfd")

    assert secret.current() == "word"


def test_without_any_value_the_error_shows(tmp_path: Path) -> None:
    """A file that never could be read is an error."""
    with pytest.raises(FileNotFoundError):
        Secret(file=str(tmp_path / "none")).current()
