"""The cost of a message is counted by the thread that handles it."""

import threading

from videovector_bridge.automate.metering import Costs, MeteredDocuments, count_api_call, metered
from videovector_bridge.backends import Backend


def test_calls_and_store_operations_are_counted(backend: Backend) -> None:
    """Each one, until the end of the block."""
    documents = MeteredDocuments(backend.documents)

    with metered() as costs:
        count_api_call()
        one = documents.write("c", "d", {"n": 1}, replaces=None, timeout=10)
        documents.write("c", "d", {"n": 2}, replaces=one, timeout=10, keep_seconds=60)
        document = documents.read("c", "d", timeout=10)
    documents.read("c", "d", timeout=10)

    assert costs == Costs(api_calls=1, store_reads=1, store_writes=2)
    assert document is not None
    assert document.fields == {"n": 2}


def test_without_a_message_nothing_is_counted(embedded_backend: Backend) -> None:
    """The port works as it does without counting."""
    documents = MeteredDocuments(embedded_backend.documents)

    count_api_call()

    assert documents.read("c", "d", timeout=10) is None
    assert documents.write("c", "d", {}, replaces=None, timeout=10).fields == {}


def test_each_thread_counts_for_itself() -> None:
    """Threads do not share their counts."""

    def handle() -> None:
        with metered() as costs:
            count_api_call()
        counts.append(costs)

    counts: list[Costs] = []
    thread = threading.Thread(target=handle)
    with metered() as own:
        thread.start()
        thread.join()
        count_api_call()
        count_api_call()

    assert (own.api_calls, counts) == (2, [Costs(api_calls=1)])


def test_inner_blocks_count_apart() -> None:
    """After an inner block the outer count continues."""
    with metered() as outer:
        count_api_call()
        with metered() as inner:
            count_api_call()
        count_api_call()

    assert (outer.api_calls, inner.api_calls) == (2, 1)
