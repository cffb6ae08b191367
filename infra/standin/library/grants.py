"""Signed URLs. Each is a grant, which expires and can be rotated; their number is limited."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from infra.standin.config import StandInConfig
from infra.standin.errors import ApiError


@dataclass(frozen=True, slots=True)
class Grant:
    """Permission to download one object until `expires_at` (seconds since the epoch)."""

    gcs_uri: str
    nonce: str
    expires_at: int
    signature: str

    def url(self, media_url: str) -> str:
        """Return the signed URL. Its query string is the credential."""
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
        self._grants: dict[str, list[Grant]] = {}
        self.issued = 0

    def issue(self, gcs_uri: str, *, rotate: bool, now: float) -> Grant:
        """Issue a grant for an existing object.

        At the limit this raises 409 (or the configured status). `rotate` revokes the oldest grant
        instead.
        """
        valid = [grant for grant in self._grants.get(gcs_uri, ()) if grant.expires_at > now]
        limit = self._config.grants_per_object
        if rotate:
            valid = valid[1:]
        elif limit is not None and len(valid) >= limit:
            status = self._config.grants_exhausted_status
            wait = min(grant.expires_at for grant in valid) - now if status == 429 else None
            message = "Every signed URL grant of this object is in use"
            raise ApiError(status, message, code="grants_exhausted", retry_after=wait)
        self.issued += 1
        nonce = f"{self.issued:08x}"
        # Rounded up: the URL has whole seconds, and the grant must not end early.
        expires_at = int(-(-(now + self._config.grant_seconds) // 1))
        grant = Grant(gcs_uri, nonce, expires_at, self._sign(gcs_uri, nonce, expires_at))
        self._grants[gcs_uri] = [*valid, grant]
        return grant

    def check(self, gcs_uri: str, query: Mapping[str, str], now: float) -> None:
        """Check a signed URL. Raises 400 if it has expired, 403 if it is forged or revoked."""
        nonce = query.get("X-Goog-Nonce", "")
        signature = query.get("X-Goog-Signature", "")
        expires_at = query.get("X-Goog-Expires-At", "")
        if not expires_at.isdecimal() or not hmac.compare_digest(
            signature.encode(), self._sign(gcs_uri, nonce, int(expires_at)).encode()
        ):
            raise ApiError(403, "The signature does not match", code="signature_does_not_match")
        if int(expires_at) <= now:
            raise ApiError(400, "The signed URL has expired", code="expired_token")
        if all(grant.nonce != nonce for grant in self._grants.get(gcs_uri, ())):
            raise ApiError(403, "The signed URL was rotated", code="revoked")

    def _sign(self, gcs_uri: str, nonce: str, expires_at: int) -> str:
        message = f"{gcs_uri}\n{nonce}\n{expires_at}".encode()
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()
