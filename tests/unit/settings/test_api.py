"""`settings.api`: base URL and key, and no secret shown."""

from pathlib import Path

import pytest

from tests.support.drain_settings import problems, read
from videovector_bridge.errors import SettingsError
from videovector_bridge.settings import is_api_key, is_loopback_url
from videovector_bridge.settings.drain import drain_settings


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/api/v2",
        "https://api.example.com:8443/v2/",
        "http://localhost:8080/api/v2",
        "http://127.0.0.1:9/api/v2",
        "http://127.255.0.7/api/v2",
        "http://LOCALHOST/api/v2",
        "http://[::1]:9/api/v2",
    ],
)
def test_https_or_loopback_is_accepted(url: str) -> None:
    """The key leaves this machine with TLS only."""
    assert read(VIDEO_VECTOR_BASE_URL=url).api.base_url == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "ftp://localhost",
        "https://",
        "https://host:port",
        "https://host:0/api",
        "https://host/api?",
        "https://host/a b",
        "http://127.1.1.999",
        "http://127.0.0.01",
        "https://user:hidden-word@host/api",
        "https://:hidden-word@host/api",
        "https://host/api?api_key=hidden-word",
        "https://host/api#hidden-word",
        "api.example.com",
    ],
)
def test_other_urls_are_refused_and_not_quoted(url: str) -> None:
    """Plain HTTP, credentials and queries are refused; credentials and queries are not shown."""
    (problem,) = problems(VIDEO_VECTOR_BASE_URL=url)

    assert problem.startswith("VIDEO_VECTOR_BASE_URL must be an https address")
    assert "hidden-word" not in problem


def test_secrets_are_hidden(tmp_path: Path) -> None:
    """No repr of settings shows the key, from a value or from a file."""
    file = tmp_path / "key"
    file.write_text("sk_live_from_file")

    assert "1234" not in repr(read())
    assert "from_file" not in repr(read(VIDEO_VECTOR_API_KEY_FILE=str(file)))


@pytest.mark.parametrize("key", ["sk_\nlive", "sk_é", "\x07sk", "sk live", "k" * 1_001])
def test_a_key_that_no_header_can_carry_is_refused_without_a_quote(
    tmp_path: Path, key: str
) -> None:
    """A key with line breaks or other characters is a problem that does not quote it."""
    file = tmp_path / "key"
    file.write_text(key)
    (problem,) = problems(VIDEO_VECTOR_API_KEY=key)
    (of_file,) = problems(VIDEO_VECTOR_API_KEY_FILE=str(file))

    assert problem.startswith(("VIDEO_VECTOR_API_KEY does not", "VIDEO_VECTOR_API_KEY contains"))
    assert of_file.startswith(f"VIDEO_VECTOR_API_KEY_FILE {str(file)!r} does not have 1 to 1,000")
    assert key not in problem + of_file
    assert not is_api_key(key)


def test_loopback_is_a_name_or_an_address() -> None:
    """`localhost`, 127.0.0.0/8 and `::1`; no name that only begins like them."""
    here = ("http://localhost", "https://127.9.9.9:1/x", "http://[0:0:0:0:0:0:0:1]/")
    elsewhere = ("", "localhost", "http://127.1", "http://10.0.0.1", "http://[x", "http://[::2]")

    assert all(map(is_loopback_url, here))
    assert not any(map(is_loopback_url, elsewhere))


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe"], ids=["missing", "empty", "binary"])
def test_a_bad_key_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    """A key file that is missing, empty or binary is one problem with its path."""
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        drain_settings({"GOOGLE_CLOUD_PROJECT": "p", "VIDEO_VECTOR_API_KEY_FILE": str(file)})

    (problem,) = caught.value.problems
    assert "VIDEO_VECTOR_API_KEY_FILE" in problem
    assert str(file) in problem
