"""Signed URLs: grants that are bounded, expire, and can be rotated."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from infra.standin.config import StandInConfig
from infra.standin.errors import ApiError, invalid

_MAX_URI = 2048


@dataclass(frozen=True, slots=True)
class Grant:
    """Leave to download one object until `expires_at` (seconds since the epoch)."""

    gcs_uri: str
    nonce: str
    expires_at: int
    signature: str

    def url(self, media_url: str) -> str:
        """The signed URL; its query string is the credential."""
        path = quote(self.gcs_uri.removeprefix("gs://"))
        query = {
            "X-Goog-Algorithm": "STANDIN-HMAC-SHA256",
            "X-Goog-Expires-At": str(self.expires_at),
            "X-Goog-Nonce": self.nonce,
            "X-Goog-Signature": self.signature,
        }
        return f"{media_url}/{path}?{urlencode(query)}"


class Grants:
    """Issues and checks signed URLs."""

    def __init__(self, config: StandInConfig) -> None:
        self._config = config
        self._key = hashlib.sha256(f"grants:{config.seed}".encode()).digest()
        self._live: dict[str, list[Grant]] = {}
        self.issued = 0

    def issue(self, gcs_uri: str, *, rotate: bool, now: float) -> Grant:
        """A grant for an object that is known to exist.

        Raises 409 (or as configured) if as many as may be are live; `rotate` revokes the oldest
        instead.
        """
        live = [grant for grant in self._live.get(gcs_uri, ()) if grant.expires_at > now]
        limit = self._config.grants_per_object
        if rotate:
            live = live[1:]
        elif limit is not None and len(live) >= limit:
            status = self._config.grants_exhausted_status
            wait = min(grant.expires_at for grant in live) - now if status == 429 else None
            message = "Every signed URL grant of this object is in use"
            raise ApiError(status, message, code="grants_exhausted", retry_after=wait)
        self.issued += 1
        nonce = f"{self.issued:08x}"
        # Rounded up: whole seconds are all that the URL says, and none may be lost.
        expires_at = int(-(-(now + self._config.grant_seconds) // 1))
        grant = Grant(gcs_uri, nonce, expires_at, self._sign(gcs_uri, nonce, expires_at))
        self._live[gcs_uri] = [*live, grant]
        return grant

    def check(self, gcs_uri: str, query: Mapping[str, str], now: float) -> None:
        """Raises 400 if the URL has expired, 403 if it was forged or revoked."""
        nonce = query.get("X-Goog-Nonce", "")
        given = query.get("X-Goog-Signature", "")
        expires_at = query.get("X-Goog-Expires-At", "")
        if not expires_at.isdecimal() or not hmac.compare_digest(
            given.encode(), self._sign(gcs_uri, nonce, int(expires_at)).encode()
        ):
            raise ApiError(403, "The signature does not match", code="signature_does_not_match")
        if int(expires_at) <= now:
            raise ApiError(400, "The signed URL has expired", code="expired_token")
        if all(grant.nonce != nonce for grant in self._live.get(gcs_uri, ())):
            raise ApiError(403, "The signed URL was rotated", code="revoked")

    def _sign(self, gcs_uri: str, nonce: str, expires_at: int) -> str:
        message = f"{gcs_uri}\n{nonce}\n{expires_at}".encode()
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()


def checked_uri(body: object) -> tuple[str, bool]:
    """The `gcs_uri` and `force_refresh` of a request for a signed URL. Raises 422."""
    if not isinstance(body, Mapping):
        raise invalid("The body is a JSON object")
    gcs_uri = body.get("gcs_uri")
    if not isinstance(gcs_uri, str) or len(gcs_uri) > _MAX_URI:
        raise invalid("gcs_uri is a string", "gcs_uri")
    bucket, _, path = gcs_uri.removeprefix("gs://").partition("/")
    if not gcs_uri.startswith("gs://") or not bucket or not path:
        raise invalid("gcs_uri has the form gs://bucket/path", "gcs_uri")
    force_refresh = body.get("force_refresh", False)
    if not isinstance(force_refresh, bool):
        raise invalid("force_refresh is a boolean", "force_refresh")
    return gcs_uri, force_refresh
