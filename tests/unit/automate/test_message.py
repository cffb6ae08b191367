"""`automate.message`: one value for a push request, in binary or in structured mode."""

import base64
import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videovector_bridge.automate.received import parse_message
from videovector_bridge.errors import PermanentError

BINARY = {
    "ce-id": "evt_1",
    "ce-source": "//x/processing/events",
    "ce-specversion": "1.0",
    "ce-type": "com.vectormethods.prompt_run.failed",
}
ENVELOPE = {name.removeprefix("ce-"): value for name, value in BINARY.items()}
STRUCTURED = {"content-type": "application/cloudevents+json; charset=utf-8"}


def reason(headers: dict[str, str], body: bytes) -> str:
    """The reason why a request is not a CloudEvent."""
    with pytest.raises(PermanentError) as caught:
        parse_message(headers, body)
    assert (caught.value.owner, caught.value.code) == ("user", "foreign_type")
    return str(caught.value)


def structured(**changes: Any) -> bytes:
    """The body of an event in structured mode."""
    return orjson.dumps(ENVELOPE | changes)


def test_headers_and_body_are_one_message() -> None:
    """Names of headers may have any case. Other headers are omitted."""
    headers = {
        **{name.title(): value for name, value in BINARY.items()},
        "Ce-Time": "2026-01-01T00:00:00Z",
        "CE-CHANNEL": "webhook",
        "Ce-Runid": "run_1",
        "Content-Type": "application/json",
        "Host": "x",
        "X-Goog-Pubsub-Message-Id": "1",
    }

    message = parse_message(headers, b"{}")

    assert (message.id, message.source) == (BINARY["ce-id"], BINARY["ce-source"])
    assert (message.type, message.time) == (BINARY["ce-type"], "2026-01-01T00:00:00Z")
    assert (message.channel, message.data) == ("webhook", b"{}")
    assert message.attributes == {
        **BINARY,
        "ce-time": "2026-01-01T00:00:00Z",
        "ce-channel": "webhook",
        "ce-runid": "run_1",
        "content-type": "application/json",
    }
    assert (message.data_ref, message.data_size) == ("", 2)


def test_what_is_not_stated_has_a_default() -> None:
    """Time and channel are optional."""
    message = parse_message(BINARY, b"")

    assert (message.time, message.channel, message.data_ref, message.data_size) == (
        "",
        "stream",
        "",
        0,
    )


@pytest.mark.parametrize("name", sorted(BINARY))
@pytest.mark.parametrize("missing", [True, False], ids=["missing", "empty"])
def test_an_attribute_that_every_event_has_is_required(name: str, *, missing: bool) -> None:
    """In both modes. The error names the attribute."""
    headers = {other: value for other, value in BINARY.items() if other != name}
    fields = {other.removeprefix("ce-"): value for other, value in headers.items()}
    if not missing:
        headers[name] = fields[name.removeprefix("ce-")] = ""

    assert name in reason(headers, b"{}")
    assert name in reason(STRUCTURED, orjson.dumps(fields))


def test_all_missing_attributes_are_named() -> None:
    """Wrapped messages have none. The error names the cause."""
    text = reason({"content-type": "application/json"}, b"{}")

    assert all(name in text for name in BINARY)
    assert "unwrap" in text


@pytest.mark.parametrize(("version", "fits"), [("1.0", True), ("1.1", True), ("2.0", False)])
def test_another_major_version_is_refused(version: str, *, fits: bool) -> None:
    """Its attributes may mean something else."""
    headers = {**BINARY, "ce-specversion": version}
    if fits:
        assert parse_message(headers, b"{}").id == "evt_1"
    else:
        assert "'2.0', not 1.0" in reason(headers, b"{}")


def test_a_structured_event_is_the_same_message() -> None:
    """Its attributes are named as those of a Pub/Sub message."""
    body = structured(time="2026-01-01T00:00:00Z", channel="webhook", runid="r", data={"a": [1]})

    message = parse_message(STRUCTURED, body)

    binary = {**BINARY, "ce-time": "2026-01-01T00:00:00Z", "ce-channel": "webhook", "ce-runid": "r"}
    assert message == parse_message({**binary, "content-type": "application/json"}, b'{"a":[1]}')


@pytest.mark.parametrize("data", [b"{}", b"\xff\x00", b""])
def test_base64_data_is_decoded(data: bytes) -> None:
    """For any bytes."""
    body = structured(data_base64=base64.b64encode(data).decode())

    assert parse_message(STRUCTURED, body).data == data


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b"{", "not a JSON object"),
        (structured(data_base64="%%%"), "not base64"),
        (structured(data_base64="é"), "not base64"),
        (structured(id=5), "no ce-id"),
    ],
)
def test_a_structured_event_that_is_none_is_refused(body: bytes, what: str) -> None:
    """The error names the problem."""
    assert what in reason(STRUCTURED, body)


@pytest.mark.parametrize(("levels", "fits"), [(200, True), (500, False)])
def test_data_that_is_nested_too_deeply_is_refused(levels: int, *, fits: bool) -> None:
    """The data could be read, but not written. A redelivery would fail in the same way."""
    data = b'{"a":' * levels + b"1" + b"}" * levels
    body = structured()[:-1] + b',"data":' + data + b"}"

    if fits:
        assert parse_message(STRUCTURED, body).data == data
        return
    with pytest.raises(PermanentError) as caught:
        parse_message(STRUCTURED, body)
    assert (caught.value.owner, caught.value.code) == ("vendor", "too_deep")


@pytest.mark.parametrize("body", [b"", b"null"])
def test_without_data_the_reference_counts(body: bytes) -> None:
    """With a claim check, the size is that stated in the message."""
    headers = {**BINARY, "ce-dataref": "gs://b/o", "ce-datasize": "123"}

    message = parse_message(headers, body)

    assert (message.data_ref, message.data_size) == ("gs://b/o", 123)


@pytest.mark.parametrize("stated", ["", "-1", "many", "1.5", "²"])
def test_a_size_that_is_no_number_is_not_known(stated: str) -> None:
    """The size is checked when the data is read."""
    headers = {**BINARY, "ce-dataref": "gs://b/o", "ce-datasize": stated}

    assert parse_message(headers, b"").data_size == 0


def test_data_in_the_message_counts_before_a_reference() -> None:
    """The size of the data itself counts."""
    message = parse_message({**BINARY, "ce-dataref": "gs://b/o", "ce-datasize": "9"}, b"{}")

    assert (message.data_ref, message.data_size) == ("", 2)


def test_the_data_is_not_shown() -> None:
    """A payload may have values that must not be logged."""
    assert "secret" not in repr(parse_message({**BINARY, "ce-x": "secret"}, b"secret"))


@pytest.mark.parametrize("mode", [BINARY, STRUCTURED], ids=["binary", "structured"])
@given(headers=st.dictionaries(st.text(), st.text()), body=st.binary())
def test_any_request_is_a_message_or_refused(
    mode: dict[str, str], headers: dict[str, str], body: bytes
) -> None:
    """Any headers and body are parsed to a message, or raise this error."""
    with contextlib.suppress(PermanentError):
        parse_message({**headers, **mode}, body)
