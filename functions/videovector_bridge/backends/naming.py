"""Encode any text as a legal, readable name of a document or file."""

import hashlib
import re

# The most bytes of a Firestore document id: https://cloud.google.com/firestore/quotas#limits
MAX_DOCUMENT_ID_BYTES = 1_500

# A colon and `@` are legal in both and common in our names (`marker:run:abc`).
_PLAIN = re.compile(r"[A-Za-z0-9_.:@~+=,-]+")
_UNSAFE = re.compile(rb"[^A-Za-z0-9_.:@~+=,-]")
_DIGEST_MARK = "%-"


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
