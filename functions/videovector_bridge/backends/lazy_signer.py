"""The `Signer` of both backends: Google's, loaded at the first signature."""

from functools import partial

from videovector_bridge.backends.per_process import PerProcess
from videovector_bridge.backends.ports import SignedObject, Signer


class LazySigner:
    """The `Signer` port with Cloud Storage's V4 signatures, as `account` (empty: the process's).

    The library needs 200 ms to load, and few processes sign. The embedded backend signs in the
    same way, for Google's buckets with Google's credentials, or for an emulator without any.
    """

    def __init__(self, account: str) -> None:
        self._signer = PerProcess(partial(_open, account))

    def sign(self, bucket: str, name: str, *, seconds: int) -> SignedObject:
        """Return a URL that fetches the object for `seconds`; see the port."""
        return self._signer.get().sign(bucket, name, seconds=seconds)


def _open(account: str) -> Signer:
    from videovector_bridge.backends.gcp.signer import V4Signer  # noqa: PLC0415 - few need it

    return V4Signer(account)
