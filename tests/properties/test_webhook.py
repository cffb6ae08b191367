"""Property: any headers and bytes give a documented status, and only signed ones a message."""

import os
import string
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Response

from tests.support.webhooks import SECRET, delivery, deploy, environment, signature
from videovector_bridge.backends import Backend, BackendSettings
from videovector_bridge.backends.ports import Message
from videovector_bridge.events import Rejection
from videovector_bridge.ingest.delivery import decode_delivery
from videovector_bridge.ingest.webhook import open_receiver

STATUSES = {204, 400, 401, 405, 411, 413, 503}
LIMIT = 2_000


class RecordingTopics:
    """Topics that record what is published."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, Message]] = []

    def publish(self, topic: str, messages: Any, *, timeout: float) -> None:
        """Record the messages."""
        assert timeout > 0
        self.messages += [(topic, message) for message in messages]


@pytest.fixture(scope="module")
def topics() -> RecordingTopics:
    """The topics that the function publishes to."""
    return RecordingTopics()


@pytest.fixture(scope="module")
def app(topics: RecordingTopics, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The function in its host."""
    folder = tmp_path_factory.mktemp("webhook")
    embedded = BackendSettings("embedded", "", str(Path(folder) / "e"), "")
    backend = Backend(topics, None, None)  # type: ignore[arg-type]
    variables = environment(embedded) | {"MAX_WEBHOOK_BYTES": str(LIMIT)}
    # The log would be as long as the examples are many.
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        yield deploy(
            variables, open_=lambda environ: replace(open_receiver(environ), backend=backend)
        )


class Body:
    """The bytes of a request as a host hands them over, in pieces of any size."""

    def __init__(self, data: bytes, piece: int) -> None:
        self._data = data
        self._piece = piece

    def read(self, size: int = -1) -> bytes:
        """The next piece."""
        count = self._piece if size < 0 else min(size, self._piece)
        piece, self._data = self._data[:count], self._data[count:]
        return piece


# What a host can hand over in a header: any bytes but line ends, as Latin-1.
_text = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=80)
_values = _text | st.integers(-5, 3 * LIMIT).map(str) | st.sampled_from(["chunked", "gzip"])
_names = st.sampled_from(
    [
        *("CONTENT_TYPE", "CONTENT_LENGTH", "HTTP_X_WEBHOOK_SIGNATURE", "HTTP_X_WEBHOOK_ID"),
        *("HTTP_X_DELIVERY_ID", "HTTP_TRACEPARENT", "HTTP_TRANSFER_ENCODING", "HTTP_EXPECT"),
        *("HTTP_CONTENT_ENCODING", "HTTP_HOST", "HTTP_COOKIE", "HTTP_X_CLOUD_TRACE_CONTEXT"),
        *("HTTP_FUNCTION_EXECUTION_ID", "HTTP_X_FORWARDED_FOR", "HTTP_AUTHORIZATION", "HTTP_X_Y"),
    ]
)
_methods = st.sampled_from(["POST"] * 8 + ["GET", "HEAD", "PUT", "OPTIONS", "BREW", "post"])
_bodies = st.one_of(
    st.binary(max_size=LIMIT + 50),
    st.builds(delivery, st.text(max_size=20)),
    st.sampled_from([delivery(), b"{}", b"[" * 1_900, delivery(data={"n": "x" * LIMIT})]),
)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["run_id", "video_id", "id", "n"]), inner, max_size=3)
    ),
    max_leaves=8,
)
_types = st.sampled_from(["application/json"] * 5 + ["application/json; charset=x", "text/plain"])


def ask(app: Flask, body: bytes, *, piece: int, headers: dict[str, str], method: str) -> Response:
    """Hand a request to the application as its host does."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "127.0.0.1",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": Body(body, piece),
        "wsgi.input_terminated": True,
        "wsgi.errors": None,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    return Response(*run_wsgi_app(app, environ | headers, buffered=True))


@settings(max_examples=400, deadline=None)
@given(
    body=_bodies,
    piece=st.integers(1, 3_000),
    headers=st.dictionaries(_names, _values, max_size=6),
    type_=_types,
    method=_methods,
    signed=st.booleans(),
)
def test_any_request_gives_a_documented_status(
    *,
    app: Flask,
    topics: RecordingTopics,
    body: bytes,
    piece: int,
    headers: dict[str, str],
    type_: str,
    method: str,
    signed: bool,
) -> None:
    """Never a 500. A message is published exactly when the status is 204."""
    topics.messages.clear()
    sent = {"CONTENT_TYPE": type_, **headers}
    if signed:
        sent["HTTP_X_WEBHOOK_SIGNATURE"] = signature(body)
    response = ask(app, body, piece=piece, headers=sent, method=method)
    published = [topic for topic, _ in topics.messages]

    assert response.status_code in STATUSES
    assert len(published) == (response.status_code == 204)
    if not signed:
        assert response.status_code != 204
        assert published == []
    assert all(message.data in body for _, message in topics.messages)
    assert SECRET not in response.get_data(as_text=True)
    assert ("Retry-After" in response.headers) == (response.status_code == 503)


@settings(max_examples=300, deadline=None)
@given(
    body=st.one_of(st.binary(max_size=LIMIT), st.builds(delivery, st.text(max_size=20))),
    type_=_types | _text,
)
def test_nothing_that_was_signed_is_lost(
    app: Flask, topics: RecordingTopics, body: bytes, type_: str
) -> None:
    """Any signed body is published byte for byte with 204: as an event, or as rejected."""
    topics.messages.clear()
    headers = {"CONTENT_TYPE": type_, "HTTP_X_WEBHOOK_SIGNATURE": signature(body)}
    response = ask(app, body, piece=3_000, headers=headers, method="POST")
    ((topic, message),) = topics.messages
    event = decode_delivery(body)

    assert response.status_code == 204
    assert topic == ("rejected" if isinstance(event, Rejection) else "events")
    assert message.data == body


@settings(max_examples=300, deadline=None)
@given(
    data=_json,
    id_=st.text(string.ascii_letters, min_size=1, max_size=9),
    more=st.lists(st.tuples(st.sampled_from(["id", "data", "created_at", "x"]), _json), max_size=4),
)
def test_a_readable_id_and_type_make_an_event(
    app: Flask, topics: RecordingTopics, data: Any, id_: str, more: list[tuple[str, Any]]
) -> None:
    """With any other members, repeated keys included."""
    topics.messages.clear()
    pairs = [*more, ("data", data), ("event", "new.kind"), ("id", id_)]
    members = (orjson.dumps(name) + b":" + orjson.dumps(value) for name, value in pairs)
    body = b"{" + b",".join(members) + b"}"
    headers = {"HTTP_X_WEBHOOK_SIGNATURE": signature(body)}
    response = ask(app, body, piece=3_000, headers=headers, method="POST")
    ((topic, message),) = topics.messages
    ids = {name for name in message.attributes if name.endswith("id") and name != "ce-id"}

    assert (response.status_code, topic, message.data) == (204, "events", body)
    assert message.attributes["ce-id"] == id_
    assert not ids or {name for name, _ in more} <= {"created_at", "x"}


@settings(max_examples=200, deadline=None)
@given(body=_bodies, place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_no_other_body_passes_for_the_signed_one(
    app: Flask, topics: RecordingTopics, body: bytes, place: int, bit: int
) -> None:
    """Flip any bit of the body or of the signature: 401, and nothing is published."""
    topics.messages.clear()
    whole = bytearray(bytes.fromhex(signature(body)[7:]) + body[:LIMIT])
    whole[place % len(whole)] ^= 1 << bit
    forged, other = f"sha256={whole[:32].hex()}", bytes(whole[32:])
    if other == body and forged == signature(body):
        return
    headers = {"CONTENT_TYPE": "application/json", "HTTP_X_WEBHOOK_SIGNATURE": forged}
    response = ask(app, other, piece=3_000, headers=headers, method="POST")

    assert response.status_code == 401
    assert topics.messages == []
