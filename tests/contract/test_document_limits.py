"""The `Documents` port: what Firestore can never take is refused by both backends, for good."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.documents import create, read, replace
from videovector_bridge.backends import Backend
from videovector_bridge.backends.document_limits import check_document
from videovector_bridge.backends.gcp import documents
from videovector_bridge.backends.ports import Document
from videovector_bridge.errors import TransientError, UnstorableError

TOO_LARGE, TOO_DEEP, INVALID = "document_too_large", "document_too_deep", "document_invalid"


def nested(levels: int, wrap: Callable[[Any], Any]) -> Any:
    """A text within so many maps or lists."""
    value: Any = "x"
    for _ in range(levels):
        value = wrap(value)
    return value


def in_map(value: Any) -> Any:
    """One map around it."""
    return {"a": value}


def in_list_of_maps(value: Any) -> Any:
    """A list and a map around it."""
    return [{"a": value}]


def in_list(value: Any) -> Any:
    """One list around it. Lists in lists are stored as lists of maps of lists."""
    return [value]


# Documents that grow with n from just below the limit.
FILLING = "x" * 1_000_000
SHAPES: dict[str, Callable[[int], dict[str, Any]]] = {
    "text": lambda n: {"a": FILLING, "b": "\u00e9" * n},
    "one text": lambda n: {"text": FILLING + "x" * n},
    "texts in a list": lambda n: {"a": FILLING, "b": ["0123456789"] * n},
    "numbers": lambda n: {"a": FILLING, "b": [1, 1.5] * n},
    "maps": lambda n: {"a": FILLING, "b": [{"a": n}] * n},
    "odd keys": lambda n: {"a": FILLING, "b": [{"": None, "%": True, "__x__": {}, "[]": []}] * n},
    "lists in lists": lambda n: {"a": FILLING, "b": [[False, [None]]] * n},
    "fields": lambda n: {"a": FILLING} | {f"field{index:06}": None for index in range(n)},
}


def largest(shape: Callable[[int], dict[str, Any]]) -> int:
    """Return the largest document of `effects` with an id of one letter."""
    fits, beyond = 0, 50_000
    while beyond - fits > 1:
        middle = (fits + beyond) // 2
        try:
            check_document("effects", "a", shape(middle))
            fits = middle
        except UnstorableError:
            beyond = middle
    return fits


def create_for_a_while(backend: Backend, fields: dict[str, Any]) -> Document:
    """Create a document with an expiry, which counts too."""
    return backend.documents.write(
        "effects", "a", fields, replaces=None, timeout=10, keep_seconds=60
    )


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "long text": ({"text": "x" * 1_048_488}, TOO_LARGE, "a text has at most 1,048,487 bytes"),
    "long text in bytes": (
        {"text": "\u00e9" * 524_288},
        TOO_LARGE,
        "a text has at most 1,048,487 bytes",
    ),
    "texts": (
        {"a": "x" * 600_000, "b": "x" * 600_000},
        TOO_LARGE,
        "at most 1,048,576 bytes, not 1,2",
    ),
    "maps in a list": ({"list": [{"n": 1}] * 120_000}, TOO_LARGE, "at most 1,048,576 bytes"),
    "deep maps": ({"a": nested(21, in_map)}, TOO_DEEP, "at most 20 deep"),
    "deep lists of maps": ({"a": nested(11, in_list_of_maps)}, TOO_DEEP, "at most 20 deep"),
    "deep lists of lists": ({"a": nested(12, in_list)}, TOO_DEEP, "at most 20 deep"),
    "very deep": ({"a": nested(100_000, in_map)}, TOO_DEEP, "at most 20 deep"),
    "long key": ({"k" * 1_500: 1}, INVALID, "a key .* at most 1,499 bytes"),
    "long key in bytes": ({"\u00e9" * 750: 1}, INVALID, "a key .* at most 1,499 bytes"),
    "long path": ({"map": {"k" * 1_496: 1}}, INVALID, "a key .* at most 1,499 bytes"),
    "long path through a list": (
        {"map": [{"k" * 1_496: 1}]},
        INVALID,
        "a key .* at most 1,499 bytes",
    ),
    "large integer": ({"n": 2**63}, INVALID, "64 bits"),
    "large negative integer": ({"n": [-(2**63) - 1]}, INVALID, "64 bits"),
    "half a surrogate pair": ({"text": "\ud800"}, INVALID, "half a surrogate pair"),
    "half a surrogate pair in a key": ({"map": {"\ud800": 1}}, INVALID, "half a surrogate pair"),
    "field of our own": ({"expire_at": 1}, INVALID, "'expire_at' is reserved"),
    "count of our own": ({"_writes": 1}, INVALID, "'_writes' is reserved"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_firestore_refuses_is_refused_before_it_is_sent(backend: Backend, name: str) -> None:
    """A retry cannot help, so the error is permanent, with a code and the rule."""
    fields, code, rule = REFUSED[name]
    with pytest.raises(UnstorableError, match=rf"^effects/a was not written: .*{rule}") as caught:
        create(backend, "a", fields)

    assert (caught.value.owner, caught.value.code) == ("user", code)
    assert not isinstance(caught.value, TransientError)
    assert backend.documents.read("effects", "a", timeout=10) is None


def test_fields_that_are_not_named_count_too(backend: Backend) -> None:
    """A write keeps them, and the limit is for the whole document."""
    first = create(backend, "a", {"a": "x" * 600_000})
    with pytest.raises(UnstorableError) as caught:
        replace(backend, "a", {"b": "x" * 600_000}, first)

    assert caught.value.code == TOO_LARGE
    assert read(backend, "a").fields.keys() == {"a"}
    replace(backend, "a", {"a": "", "b": "x" * 600_000}, first)


@pytest.mark.parametrize(
    "fields",
    [
        {"a": nested(20, in_map), "b": nested(10, in_list_of_maps), "c": nested(10, in_list)},
        {"k" * 1_499: 1, "\u00e9" * 749: 1, "map": [{"k" * 1_495: {}}]},
        {"n": [2**63 - 1, -(2**63)], "text": "x" * 1_048_400},
    ],
    ids=["depth", "keys", "values"],
)
def test_a_document_at_the_limits_is_stored(backend: Backend, fields: dict[str, Any]) -> None:
    """By a create and by an update; it can be read."""
    first = create(backend, "a", fields)
    replace(backend, "a", fields, first)

    assert read(backend, "a").fields == fields


@pytest.mark.parametrize("name", SHAPES)
def test_the_largest_document_is_stored(backend: Backend, name: str) -> None:
    """For any shape, the check counts no less than Firestore."""
    shape = SHAPES[name]
    most = largest(shape)
    with pytest.raises(UnstorableError):
        create_for_a_while(backend, shape(most + 1))

    assert create_for_a_while(backend, shape(most)).fields == read(backend, "a").fields


@pytest.mark.emulator
@pytest.mark.parametrize("name", SHAPES)
def test_firestore_refuses_a_larger_document(
    gcp_backend: Backend, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The check counts no more than Firestore: it refuses nothing that Firestore accepts.

    Its answer is INVALID_ARGUMENT. That is about the document, which would be the same again.
    """
    shape = SHAPES[name]
    monkeypatch.setattr(documents, "check_document", lambda *_: None)
    with pytest.raises(UnstorableError, match="Firestore refuses it") as caught:
        create_for_a_while(gcp_backend, shape(largest(shape) + 1))

    assert (caught.value.owner, caught.value.code) == ("user", INVALID)


@pytest.mark.parametrize("fields", [{1: "a"}, {"a": {None: 1}}])
def test_keys_outside_json_are_a_type_error(backend: Backend, fields: dict[Any, Any]) -> None:
    """They are a programming error, like values outside JSON."""
    with pytest.raises(TypeError):
        create(backend, "a", fields)
