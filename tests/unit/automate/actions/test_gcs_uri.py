"""URIs of objects: valid forms, and allowed buckets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videovector_bridge.automate.actions.gcs_uri import parse_allowed_uri
from videovector_bridge.errors import PermanentError

ALLOWED = frozenset({"allowed"})


@pytest.mark.parametrize(
    "gcs_uri",
    [
        "gs://allowed/x.mp4",
        "gs://allowed/a b/ü?#%2e.mp4",
        "gs://allowed/...",
        "gs://allowed/a/..b/c..",
        "gs://allowed//x",
        "gs://allowed/x/",
    ],
)
def test_addresses_in_allowed_buckets_are_allowed(gcs_uri: str) -> None:
    """Object names may have nearly any character."""
    assert parse_allowed_uri(gcs_uri, ALLOWED) == ("allowed", gcs_uri.removeprefix("gs://allowed/"))


@pytest.mark.parametrize(
    "gcs_uri",
    [
        "gs://allowed.evil/x",
        "gs://evil/allowed/x",
        "gs://allowed@evil/x",
        "gs://allowed:80/x",
        "gs://Allowed/x",
        "GS://allowed/x",
        " gs://allowed/x",
        "gs://allowed/x\n",
        "gs://allowed\n/x",
        "gs://allowed/x\x00",
        "gs://allowed/x\x85y",
        "gs://allowed/",
        "gs://allowed",
        "gs:///allowed/x",
        "gs://",
        "gs://allowed/../x",
        "gs://allowed/..",
        "gs://allowed/a/../../evil/x",
        "gs://allowed/./x",
        "gs://allowed/a/.",
        "gs://allowed\\evil/x",
        "gs://allowed?/x",
        "https://storage.googleapis.com/allowed/x",
        "s3://allowed/x",
        "",
    ],
    ids=ascii,
)
def test_no_other_address_is(gcs_uri: str) -> None:
    """A URI with another reading is refused."""
    with pytest.raises(PermanentError):
        parse_allowed_uri(gcs_uri, ALLOWED)
    with pytest.raises(PermanentError):
        parse_allowed_uri("gs://allowed/x", frozenset())


@given(st.text(alphabet="gs:/alowed.@\\?#%\n\x00 AÅ", max_size=30) | st.text(max_size=20))
def test_any_text_is_an_allowed_address_or_refused(text: str) -> None:
    """A valid URI has an allowed bucket, and no `.`, `..` or control character."""
    for candidate in (text, "gs://allowed" + text, "gs://allowed/" + text):
        try:
            uri = parse_allowed_uri(candidate, ALLOWED)
        except PermanentError:
            continue
        assert candidate == f"gs://{uri.bucket}/{uri.name}"
        assert uri.bucket == "allowed"
        assert not {".", ".."} & set(uri.name.split("/"))
        assert not any(ord(char) < 32 for char in uri.name)
