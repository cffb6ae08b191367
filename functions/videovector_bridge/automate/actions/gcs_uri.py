"""URIs of objects in Cloud Storage, and the buckets that URLs may be issued for. Pure."""

import re
from typing import Any, Final, NamedTuple

from videovector_bridge.errors import PermanentError
from videovector_bridge.settings.buckets import BUCKET_NAME

# https://cloud.google.com/storage/docs/buckets#naming and .../objects#naming; no `.` or `..`.
_GCS_URI: Final = re.compile(
    rf"gs://({BUCKET_NAME.pattern})/(?!(?:.*/)?\.\.?(?:/|$))([^\x00-\x1f\x7f-\x9f]+)"
)


class GcsUri(NamedTuple):
    """The bucket and the name of an object."""

    bucket: str
    name: str


def parse_gcs_uri(gcs_uri: Any) -> GcsUri:
    """Parse `gs://bucket/name`. Raises `PermanentError` for any other value."""
    match = _GCS_URI.fullmatch(gcs_uri) if isinstance(gcs_uri, str) else None
    if match is None:
        raise PermanentError(
            f"{str(gcs_uri)[:200]!r} is not the URI of an object (gs://bucket/path).",
            owner="user",
            code="bad_gcs_uri",
        )
    return GcsUri(match[1], match[2])


def parse_allowed_uri(gcs_uri: Any, buckets: frozenset[str]) -> GcsUri:
    """Parse the URI of an object that URLs may be issued for.

    Raises `PermanentError` if it is invalid, or its bucket is not in `buckets`.
    """
    uri = parse_gcs_uri(gcs_uri)
    if uri.bucket not in buckets:
        raise PermanentError(
            f"No URL may be issued for bucket {uri.bucket!r}. To allow it, add it to "
            f"SIGNED_URL_BUCKETS (now: {', '.join(sorted(buckets)) or 'none'}).",
            owner="user",
            code="bucket_not_allowed",
        )
    return uri
