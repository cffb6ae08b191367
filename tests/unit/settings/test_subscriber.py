"""`settings.subscriber` and `settings.buckets`: buckets and signed URLs."""

import pytest

from tests.support.drain_settings import GOOD, SURROGATE
from videovector_bridge.errors import SettingsError
from videovector_bridge.settings.subscriber import subscriber_settings


def test_subscribers_read_their_buckets() -> None:
    """Buckets are separated by commas, with or without scheme; empty means none."""
    buckets = GOOD | {"SIGNED_URL_BUCKETS": " gs://first/, second ,,"}

    assert subscriber_settings(buckets).signed_url_buckets == {"first", "second"}
    assert subscriber_settings(GOOD).signed_url_buckets == frozenset()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("SIGNED_URL_BUCKETS", value) for value in ("*", "gs://", "ok-1,gs://bucket/path", "a")),
        *(("SIGNED_URL_BUCKETS", value) for value in ("a\nb", SURROGATE)),
        *(("SIGNING_ACCOUNT", value) for value in ("signer", "a@b@c", "a@b/c", SURROGATE)),
        *(("AUTOMATIONS_FILE", value) for value in ("a\x00", SURROGATE)),
    ],
    ids=ascii,
)
def test_a_wrong_variable_of_subscribers_is_named(name: str, value: str) -> None:
    """Wrong buckets and accounts are refused before the first event."""
    with pytest.raises(SettingsError) as caught:
        subscriber_settings(GOOD | {name: value})

    assert {problem.split()[0] for problem in caught.value.problems} == {name}


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("SIGNED_URL_BUCKETS", "media,gs://videos/raw/", "write videos, not 'gs://videos/raw/'"),
        ("SIGNED_URL_BUCKETS", "videos/raw", "write videos, not 'videos/raw'"),
        ("PREVIEW_BUCKET", "gs://previews/2026", "write previews, not 'gs://previews/2026'"),
        ("CLAIM_BUCKET", "gs://claims", "write claims, not 'gs://claims'"),
        ("CLAIM_BUCKET", "claims/", "write claims, not 'claims/'"),
        ("CLAIM_BUCKET", "s3://claims", "without gs:// or a path, not 's3://claims'"),
        ("PREVIEW_BUCKET", "gs://X/", "without gs:// or a path, not 'gs://X/'"),
    ],
)
def test_the_problem_of_a_bucket_with_a_path_has_the_bucket(
    name: str, value: str, problem: str
) -> None:
    """It suggests the bucket without the path, if there is one."""
    with pytest.raises(SettingsError) as caught:
        subscriber_settings(GOOD | {name: value})

    (sentence,) = caught.value.problems
    assert sentence.startswith(f"{name} must be the name of a bucket, without gs:// or a path")
    assert sentence.endswith(problem)
