"""The `Collections` port: pages of documents, and deletion of exactly one version."""

import pytest

from videovector_bridge.backends import (
    Backend,
    BackendSettings,
    open_collections,
)
from videovector_bridge.backends.reading_ports import Collections
from videovector_bridge.errors import ConflictError


@pytest.fixture
def collections(backend_settings: BackendSettings) -> Collections:
    """The port, on each backend in turn."""
    return open_collections(backend_settings)


def test_documents_are_listed_in_pages(backend: Backend, collections: Collections) -> None:
    """In the order of their names, with their fields; other collections are not listed."""
    ids = ["run:3", "run:1", "run/2", "run:\u00e9"]
    for id_ in ids:
        backend.documents.write("open", id_, {"id": id_}, replaces=None, timeout=10)
    backend.documents.write("others", "x", {"id": "x"}, replaces=None, timeout=10)

    first = collections.list("open", limit=3, timeout=10)
    rest = collections.list("open", limit=3, after=first[-1][0], timeout=10)

    names = [name for name, _ in (*first, *rest)]
    assert len(first) == 3
    assert names == sorted(names)
    assert {document.fields["id"] for _, document in (*first, *rest)} == set(ids)


def test_a_listed_document_can_be_replaced(backend: Backend, collections: Collections) -> None:
    """Its revision is current; a plain name is its id."""
    backend.documents.write("open", "run:1", {"n": 1}, replaces=None, timeout=10)
    ((name, listed),) = collections.list("open", limit=10, timeout=10)

    backend.documents.write("open", name, {"n": 2}, replaces=listed, timeout=10)

    stored = backend.documents.read("open", "run:1", timeout=10)
    assert stored is not None
    assert stored.fields == {"n": 2}


def test_an_empty_collection_has_no_documents(collections: Collections) -> None:
    """Listing it is not an error."""
    assert list(collections.list("none", limit=10, timeout=10)) == []


def test_only_the_version_that_was_read_is_deleted(
    backend: Backend, collections: Collections
) -> None:
    """A newer version stays; a document that is gone is a success."""
    old = backend.documents.write("open", "a", {"n": 1}, replaces=None, timeout=10)
    new = backend.documents.write("open", "a", {"n": 2}, replaces=old, timeout=10)

    with pytest.raises(ConflictError):
        collections.delete("open", "a", replaces=old, timeout=10)
    collections.delete("open", "a", replaces=new, timeout=10)
    collections.delete("open", "a", replaces=new, timeout=10)

    assert backend.documents.read("open", "a", timeout=10) is None
