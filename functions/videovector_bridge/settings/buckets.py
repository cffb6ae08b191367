"""Cloud Storage's rules for buckets and signed URLs, and the settings that name buckets."""

import re
from collections.abc import Mapping
from typing import Final

from videovector_bridge.environment import Environment

# A V4 signature is valid for a week at most:
# https://cloud.google.com/storage/docs/access-control/signed-urls
MAX_SIGNED_URL_SECONDS: Final = 604_800

# Without the reserved words: https://cloud.google.com/storage/docs/buckets#naming
BUCKET_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_RULE: Final = "the name of a bucket, without gs:// or a path"
_URI: Final = re.compile(rf"gs://({BUCKET_NAME.pattern})(?:/.*)?|({BUCKET_NAME.pattern})/.*")


def read_bucket(env: Environment, name: str) -> str:
    """Read a bucket's name, empty where it is not set; problems are recorded in `env`."""
    return _checked(env, name, env.text(name))


def read_buckets(env: Environment, name: str) -> frozenset[str]:
    """Read the names of buckets, separated by commas; problems are recorded in `env`.

    `gs://` before a bucket and a slash after it are accepted.
    """
    items = [item.strip() for item in env.text(name).split(",")]
    buckets = {item: item.removeprefix("gs://").rstrip("/") for item in items if item}
    for item, bucket in sorted(buckets.items()):
        _checked(env, name, bucket if BUCKET_NAME.fullmatch(bucket) else item)
    return frozenset(buckets.values())


def _checked(env: Environment, name: str, value: str) -> str:
    rule = _RULE
    if value and not BUCKET_NAME.fullmatch(value) and (uri := _URI.fullmatch(value)):
        rule = f"{_RULE}: write {uri[1] or uri[2]}"
    return env.check_match(name, value, "", BUCKET_NAME, rule)


_READERS: Final = {
    "CLAIM_BUCKET": read_bucket,
    "PREVIEW_BUCKET": read_bucket,
    "SIGNED_URL_BUCKETS": read_buckets,
}


def bucket_problems(environ: Mapping[str, str], name: str) -> list[str]:
    """Return the problems of a setting of buckets; none for another setting, or if not set."""
    env = Environment(environ)
    if name in _READERS:
        _READERS[name](env, name)
    return env.problems
