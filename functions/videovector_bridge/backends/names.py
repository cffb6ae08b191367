"""Names of documents and files: encode any text as one, and check one by Cloud Storage's rules."""

import hashlib
import re

from videovector_bridge.errors import UnstorableError

# The most bytes of a Firestore document id: https://cloud.google.com/firestore/quotas#limits
MAX_DOCUMENT_ID_BYTES = 1_500

# A colon and `@` are legal in both and common in our names (`marker:run:abc`).
_PLAIN = re.compile(r"[A-Za-z0-9_.:@~+=,-]+")
_UNSAFE = re.compile(rb"[^A-Za-z0-9_.:@~+=,-]")
_DIGEST_MARK = "%-"

# https://cloud.google.com/storage/docs/objects#naming
MAX_FILE_NAME_BYTES = 1_024
_RESERVED = ".well-known/acme-challenge/"


def safe_name(text: str, max_bytes: int = MAX_DOCUMENT_ID_BYTES) -> str:
    """Return `text` as a name of ASCII letters, digits and `_.:@~+=,-%`, at most `max_bytes` long.

    Plain names are unchanged; other bytes are percent-encoded (UTF-8). A name that would be too
    long keeps its start and ends in `%-` and the SHA-256 of the whole. Different texts have
    different names. Never empty, `.`, `..` or `__reserved__`. Never raises.
    """
    if _PLAIN.fullmatch(text):
        name = text
    else:
        # surrogatepass: JSON may have half a surrogate pair, which is a name like any other.
        raw = text.encode("utf-8", "surrogatepass")
        name = _UNSAFE.sub(lambda match: b"%%%02X" % match[0][0], raw).decode("ascii")
    if name in (".", "..") or (name.startswith("__") and name.endswith("__")):
        name = f"%{ord(name[0]):02X}{name[1:]}"
    if len(name) > max_bytes:
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        name = name[: max_bytes - len(_DIGEST_MARK) - len(digest)] + _DIGEST_MARK + digest
    # The encoding above never returns a lone `%`, so it can mean the empty text.
    return name or "%"


def check_file_name(name: str) -> None:
    """Raise `UnstorableError` if Cloud Storage would refuse an object of this name."""
    if rule := _broken_rule(name):
        raise UnstorableError(
            f"{name[:100]!r} is not the name of a file: {rule}.",
            owner="user",
            code="file_name_invalid",
        )


def _broken_rule(name: str) -> str:
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "it has half a surrogate pair"
    if not 0 < size <= MAX_FILE_NAME_BYTES:
        return f"a name has 1 to {MAX_FILE_NAME_BYTES:,} bytes, not {size:,}"
    if name in (".", ".."):
        return "it means a folder"
    if "\r" in name or "\n" in name:
        return "a name is one line"
    if name.startswith(_RESERVED):
        return f"names in {_RESERVED} are reserved"
    return ""
