"""The settings of the VideoVector API: base URL, key, timeout."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from videovector_bridge.environment import Environment
from videovector_bridge.events import id_text
from videovector_bridge.redact import redact
from videovector_bridge.secret import Secret

_API_KEY: Final = re.compile(r"[!-~]{1,1000}")


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """The settings of the VideoVector API.

    `list_encoding` is `repeat` or `comma`: how a query has lists. `earliest_event_id` is the
    Last-Event-ID that requests the oldest events.
    """

    base_url: str
    key: Secret
    list_encoding: str
    earliest_event_id: str
    timeout_seconds: float

    @property
    def host(self) -> str:
        """The API's host, as in `ce-source`."""
        return host_of(self.base_url)


def read_api(env: Environment) -> ApiSettings:
    """Read the settings of the API; problems are recorded in `env`."""
    base_url = read_base_url(env)
    key = Secret(env.text("VIDEO_VECTOR_API_KEY"), env.text("VIDEO_VECTOR_API_KEY_FILE"))
    _check_key(env, key)
    return ApiSettings(
        base_url,
        key,
        env.choice("LIST_ENCODING", "repeat", ("repeat", "comma")),
        _read_earliest_event_id(env),
        env.number("API_TIMEOUT_SECONDS", 10, 0.1, 120),
    )


def read_base_url(env: Environment) -> str:
    """Read the base URL, without a slash at its end; problems are recorded in `env`."""
    base_url = env.text("VIDEO_VECTOR_BASE_URL", "https://api.vectormethods.com/api/v2")
    if not _is_safe_url(base_url):
        env.problems.append(
            f"VIDEO_VECTOR_BASE_URL must be an https address (http on this machine only), "
            f"without user, query or blanks, not {redact(base_url)!r}"
        )
    return base_url.rstrip("/")


def host_of(base_url: str) -> str:
    """Return the host of a base URL, with its port if it has one, as in `ce-source`."""
    return urlsplit(base_url).netloc


def is_api_key(text: str) -> bool:
    """Whether `text` can be an API key: 1 to 1,000 visible ASCII characters."""
    return _API_KEY.fullmatch(text) is not None


def is_loopback_url(url: str) -> bool:
    """Whether the host of `url` is this machine: `localhost`, 127.0.0.0/8 or `::1`."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _read_earliest_event_id(env: Environment) -> str:
    event_id = env.text("EARLIEST_EVENT_ID", "0")
    if id_text(event_id) is None:
        env.problems.append(
            f"EARLIEST_EVENT_ID must be 1 to 900 printable ASCII characters, not {event_id!r:.40}"
        )
    return event_id


def _check_key(env: Environment, key: Secret) -> None:
    file = env.text("VIDEO_VECTOR_API_KEY_FILE")
    if env.is_unfit("VIDEO_VECTOR_API_KEY") or env.is_unfit("VIDEO_VECTOR_API_KEY_FILE"):
        return
    try:
        value = key.current()
    except (OSError, UnicodeDecodeError) as error:
        env.problems.append(f"VIDEO_VECTOR_API_KEY_FILE {file!r} cannot be read: {error}")
        return
    if not value:
        where = f"the file {file!r} of VIDEO_VECTOR_API_KEY_FILE is empty" if file else ""
        env.problems.append(
            where or "VIDEO_VECTOR_API_KEY is not set (nor VIDEO_VECTOR_API_KEY_FILE)"
        )
    elif not is_api_key(value):
        where = f"VIDEO_VECTOR_API_KEY_FILE {file!r}" if file else "VIDEO_VECTOR_API_KEY"
        env.problems.append(f"{where} does not have 1 to 1,000 visible ASCII characters")


def _is_safe_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or port == 0 or "@" in parts.netloc or re.search(r"[?#\s]", text):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback_url(text))
