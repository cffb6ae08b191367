"""Cloud Storage's rules for the names of files, checked by every backend."""

from videovector_bridge.errors import UnstorableError

# https://cloud.google.com/storage/docs/objects#naming
MAX_FILE_NAME_BYTES = 1_024
_RESERVED = ".well-known/acme-challenge/"


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
