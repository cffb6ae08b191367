"""How to reach VideoVector."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from videovector_bridge.environment import Environment
from videovector_bridge.redact import redact
from videovector_bridge.secret import Secret

_HEADER_WORD: Final = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """How to reach VideoVector."""

    base_url: str
    key: Secret
    list_encoding: str
    earliest_event_id: str
    timeout_seconds: float

    @property
    def host(self) -> str:
        """The API's host, as it stands in `ce-source`."""
        return host_of(self.base_url)


def read_api(env: Environment) -> ApiSettings:
    """Read them; what is wrong is noted in `env`."""
    base_url = read_base_url(env)
    key = Secret(env.text("VIDEO_VECTOR_API_KEY"), env.text("VIDEO_VECTOR_API_KEY_FILE"))
    _check_key(env, key)
    return ApiSettings(
        base_url,
        key,
        env.choice("LIST_ENCODING", "repeat", ("repeat", "comma")),
        env.text("EARLIEST_EVENT_ID", "0"),
        env.number("API_TIMEOUT_SECONDS", 10, 0.1, 120),
    )


def read_base_url(env: Environment) -> str:
    """Read the API's root, without a slash at its end; what is wrong is noted in `env`."""
    base_url = env.text("VIDEO_VECTOR_BASE_URL", "https://api.vectormethods.com/api/v2")
    if not _is_safe_url(base_url):
        env.problems.append(
            f"VIDEO_VECTOR_BASE_URL must be an https address (http on this machine only), "
            f"without user or query, not {redact(base_url)!r}"
        )
    return base_url.rstrip("/")


def host_of(base_url: str) -> str:
    """The host of an API root (with its port, if one is named), as it stands in `ce-source`."""
    return urlsplit(base_url).netloc


def _check_key(env: Environment, key: Secret) -> None:
    file = env.text("VIDEO_VECTOR_API_KEY_FILE")
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
    elif not _HEADER_WORD.fullmatch(value):
        env.problems.append("VIDEO_VECTOR_API_KEY holds characters that no header may carry")


def _is_safe_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc or parts.query or parts.fragment:
        return False
    local = host in ("localhost", "::1") or re.fullmatch(r"127(\.\d{1,3}){3}", host)
    return parts.scheme == "https" or (parts.scheme == "http" and bool(local))
