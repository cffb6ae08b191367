"""Signed URLs: for whom, how often, and where they may never be seen."""

import json
from collections.abc import Sequence

import pytest

from infra.standin import MEDIA_BUCKET
from tests.support.contexts import with_signer, with_topics
from tests.support.deployed_function import DeployedFunction
from tests.support.event_messages import message_of
from tests.support.signed_urls import (
    LINK,
    POST,
    Deploy,
    deploy_links,
    key_of,
    processed,
    stored_uri,
)
from videovector_bridge.backends.ports import Message, SignedObject, Timeout, Topics
from videovector_bridge.errors import BackendError


@pytest.fixture
def links(deploy: Deploy) -> DeployedFunction:
    """The function over each backend in turn."""
    return deploy_links(deploy)


@pytest.fixture
def embedded(deploy_embedded: Deploy) -> DeployedFunction:
    """The function over the embedded backend."""
    return deploy_links(deploy_embedded)


def test_a_url_is_published_on_its_topic(links: DeployedFunction) -> None:
    """The message has the URL, its expiry, the ids of the event, and a stable id."""
    uri = stored_uri(links)

    assert links.push(processed(uri)) == 200

    (message,) = links.published("media-urls")
    data = json.loads(message.data)
    assert data["signed_url"].startswith("http")
    assert "X-Goog-Signature" in data["signed_url"]
    assert data.keys() == {
        *("gcs_uri", "signed_url", "expires_at", "automation"),
        *("event_id", "event_source", "event_type", "run_id", "video_id", "segment_id", "index_id"),
    }
    assert (uri, "evt_1", "vid_1") == (data["gcs_uri"], data["event_id"], data["video_id"])
    assert message.attributes["ce-id"] == key_of("ссылка: a link")
    assert message.attributes["ce-type"] == "com.vectormethods.media.url_issued"
    assert message.attributes["ce-videoid"] == "vid_1"
    assert "".join(message.attributes.values()).isascii()


def test_redelivery_issues_no_second_url(links: DeployedFunction) -> None:
    """Repeated deliveries of an event issue one URL."""
    for _ in range(3):
        assert links.push(processed(stored_uri(links))) == 200

    assert links.requests(POST) == 1
    assert len(links.published("media-urls")) == 1


def test_a_url_and_the_key_are_seen_nowhere_else(
    links: DeployedFunction, capsys: pytest.CaptureFixture[str]
) -> None:
    """Logs, records and rejected messages have no credentials."""
    links.push(processed(stored_uri(links)))
    links.push(processed("gs://elsewhere/x?X-Goog-Signature=abc", "evt_2"))
    (message,) = links.published("media-urls")
    secret = json.loads(message.data)["signed_url"].partition("?")[2]
    out, err = capsys.readouterr()
    (rejected,) = links.published("rejected")
    key = key_of("ссылка: a link")
    record = links.record(f"signed_url:{key}").fields

    for text in (out, err, str(record), str(rejected.attributes)):
        assert secret not in text
        assert "Signature" not in text
        assert links.standin.keys["write"] not in text
    assert record["desired"]["gcs_uri"] == stored_uri(links)


class FailingOnce:
    """Publishes, except the first time."""

    def __init__(self) -> None:
        self.failed = False

    def __call__(
        self, topics: Topics, topic: str, messages: Sequence[Message], timeout: Timeout
    ) -> None:
        """Publish, or fail."""
        if not self.failed:
            self.failed = True
            raise BackendError("the topic did not respond")
        topics.publish(topic, messages, timeout=timeout)


def test_a_failure_to_publish_costs_no_second_grant(
    links: DeployedFunction, capsys: pytest.CaptureFixture[str]
) -> None:
    """The repeated request has the same idempotency key, and so gets the same URL."""
    links.change(with_topics(FailingOnce()))

    assert links.push(processed(stored_uri(links))) == 503
    key = key_of("ссылка: a link")
    (until,) = links.record(f"signed_url:{key}").fields["pending"].values()
    links.set_clock(until)
    assert links.push(processed(stored_uri(links))) == 200

    assert links.standin.control.journal(ids=False)["signed_urls"] == 1
    (message,) = links.published("media-urls")
    assert message.attributes["ce-id"] == key
    assert "Signature" not in capsys.readouterr().out


def test_a_repetition_asks_for_what_was_asked_at_first(embedded: DeployedFunction) -> None:
    """One idempotency key belongs to one request, even if the automation is edited."""
    uri = stored_uri(embedded)
    embedded.standin.control.faults({"on": POST, "kind": "drop", "act": True})
    assert embedded.push(processed(uri)) == 503
    (until,) = embedded.record(f"signed_url:{key_of('ссылка: a link')}").fields["pending"].values()
    embedded.automations(LINK + "force_refresh = true\n")
    embedded.set_clock(until)

    assert embedded.push(processed(uri)) == 200

    assert embedded.standin.control.journal(ids=False)["signed_urls"] == 1


def test_a_lost_response_costs_no_second_grant(embedded: DeployedFunction) -> None:
    """A POST whose response was lost is repeated later with the same key."""
    embedded.standin.control.faults({"on": POST, "kind": "drop", "act": True})
    assert embedded.push(processed(stored_uri(embedded))) == 503
    assert embedded.push(processed(stored_uri(embedded))) == 503
    assert embedded.requests(POST) == 1
    key = key_of("ссылка: a link")
    (until,) = embedded.record(f"signed_url:{key}").fields["pending"].values()
    embedded.set_clock(until)

    assert embedded.push(processed(stored_uri(embedded))) == 200

    assert embedded.standin.control.journal(ids=False)["signed_urls"] == 1
    assert len(embedded.published("media-urls")) == 1


@pytest.mark.parametrize(
    ("buckets", "code"), [("", "bucket_not_allowed"), ("other", "bucket_not_allowed")]
)
def test_a_bucket_must_be_allowed(embedded: DeployedFunction, buckets: str, code: str) -> None:
    """Without its bucket in the list, no URL is requested. An empty list allows none."""
    embedded.set("SIGNED_URL_BUCKETS", buckets)

    assert embedded.push(processed(stored_uri(embedded))) == 200

    assert embedded.requests(POST) == 0
    (rejected,) = embedded.published("rejected")
    assert ("user", code) == (rejected.attributes["reason"], rejected.attributes["code"])
    assert "SIGNED_URL_BUCKETS" in rejected.attributes["detail"]


def test_a_corrected_list_of_buckets_is_enough(links: DeployedFunction) -> None:
    """After the correction, the redrive of the rejected message has its effect."""
    uri = stored_uri(links)
    links.set("SIGNED_URL_BUCKETS", "other")
    assert links.push(processed(uri)) == 200
    (rejected,) = links.published("rejected")
    assert (rejected.attributes["code"], "target-part" in rejected.attributes) == (
        "bucket_not_allowed",
        False,
    )

    links.set("SIGNED_URL_BUCKETS", MEDIA_BUCKET)
    for _ in range(2):
        assert links.redrive(rejected) == 200

    assert len(links.published("rejected")) == 1
    assert (len(links.published("media-urls")), links.requests(POST)) == (1, 1)


@pytest.mark.parametrize("gcs_uri", ["", "gs://allowed/x\ny", 5, ["gs://allowed/x"]])
def test_an_odd_address_is_rejected(embedded: DeployedFunction, gcs_uri: object) -> None:
    """For an invalid URI the reason is `user`."""
    assert embedded.push(processed(gcs_uri)) == 200

    (rejected,) = embedded.published("rejected")
    assert (rejected.attributes["reason"], rejected.attributes["code"]) == ("user", "bad_gcs_uri")


def test_an_object_that_is_not_there_is_rejected(embedded: DeployedFunction) -> None:
    """A 404 is final."""
    assert embedded.push(processed(f"gs://{MEDIA_BUCKET}/none.mp4")) == 200

    (rejected,) = embedded.published("rejected")
    assert rejected.attributes["code"] == "not_found"


def test_a_response_of_another_form_is_not_shown(
    embedded: DeployedFunction, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For an invalid response the reason is `vendor`, and no message has its values."""
    monkeypatch.setattr(
        "infra.standin.library.grants.Grant.url", lambda *_: "ftp://x/y?X-Goog-Signature=abc"
    )

    assert embedded.push(processed(stored_uri(embedded))) == 200

    (rejected,) = embedded.published("rejected")
    assert (rejected.attributes["reason"], rejected.attributes["code"]) == (
        "vendor",
        "unexpected_answer",
    )
    assert "Signature" not in str(rejected.attributes) + capsys.readouterr().out


class RecordingSigner:
    """A `Signer` that records its requests."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, int]] = []

    def sign(self, bucket: str, name: str, *, seconds: int) -> SignedObject:
        """Return a URL that is the same for every object."""
        self.requests.append((bucket, name, seconds))
        return SignedObject(f"gs://{bucket}/{name}", "https://x/y?X-Goog-Signature=1", "soon")


def test_storage_signs_for_buckets_of_ones_own(links: DeployedFunction) -> None:
    """No request is sent to VideoVector. The setting determines the lifetime."""
    links.automations(LINK + 'signer = "storage"\n')
    links.set("SIGNED_URL_SECONDS", "120")
    signer = RecordingSigner()
    links.change(with_signer(signer))

    assert links.push(processed(f"gs://{MEDIA_BUCKET}/a b.mp4")) == 200
    assert links.push(processed(f"gs://{MEDIA_BUCKET}/a b.mp4")) == 200

    assert signer.requests == [(MEDIA_BUCKET, "a b.mp4", 120)]
    (message,) = links.published("media-urls")
    assert json.loads(message.data)["signed_url"] == "https://x/y?X-Goog-Signature=1"
    assert json.loads(message.data)["expires_at"] == "soon"
    assert links.requests(POST) == 0


def test_storage_signs_for_no_other_bucket(embedded: DeployedFunction) -> None:
    """The list of buckets applies to it too."""
    embedded.automations(LINK + 'signer = "storage"\n')

    assert embedded.push(processed("gs://elsewhere/x")) == 200

    (rejected,) = embedded.published("rejected")
    assert rejected.attributes["code"] == "bucket_not_allowed"


def test_without_credentials_the_event_is_redelivered(
    embedded: DeployedFunction, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing permission loses nothing, and the response has a hint."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
    monkeypatch.setenv("CLOUDSDK_CONFIG", "/nowhere")
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    embedded.automations(LINK + 'signer = "storage"\n')
    message = message_of(processed(f"gs://{MEDIA_BUCKET}/x"))

    status, body = embedded.post(message.data, message.attributes)

    assert status == 503
    assert "GOOGLE_APPLICATION_CREDENTIALS" in body
