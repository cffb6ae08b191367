"""Signed URLs: for whom, how often, and where they may never be seen."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.standin.library import BUCKET
from tests.unit.subscribing import Deployed, event
from videovector_bridge.automate import effects, subscriber, urls
from videovector_bridge.automate.urls import allowed_uri, issue_key
from videovector_bridge.backends.ports import Message
from videovector_bridge.errors import BackendError, PermanentError

POST = "POST /videos/signed-url"
LINK = """
[[automation]]
name = "ссылка: a link"
on = ["processing.video_completed"]
[automation.issue_signed_url]
gcs_uri = "{event.payload.gcs_uri}"
"""
ALLOWED = frozenset({"allowed"})
Deploy = Callable[[str], Deployed]


def ready(deploy: Deploy) -> Deployed:
    """`issue_signed_urls`, allowed for the stand-in's bucket."""
    deployed = deploy("issue_signed_urls")
    deployed.set("SIGNED_URL_BUCKETS", f"other, gs://{BUCKET}/")
    deployed.automations(LINK)
    return deployed


@pytest.fixture
def links(deploy: Deploy) -> Deployed:
    """The function over each backend in turn."""
    return ready(deploy)


@pytest.fixture
def embedded(deploy_embedded: Deploy) -> Deployed:
    """The function over the embedded backend."""
    return ready(deploy_embedded)


def stored_uri(deployed: Deployed) -> str:
    """The address of an object that the stand-in has."""
    world = deployed.standin._world
    assert world is not None
    return next(iter(world.library.objects))


def processed(gcs_uri: Any, name: str = "evt_1") -> dict[str, Any]:
    """An event about a video that was processed."""
    return event(
        name,
        event_type="processing.video_completed",
        video_id="vid_1",
        payload={"gcs_uri": gcs_uri},
    )


def test_a_url_is_published_on_its_topic(links: Deployed) -> None:
    """The message has the URL, its end, the ids of the event, and an id that stays."""
    uri = stored_uri(links)

    assert links.push(processed(uri)) == 200

    (found,) = links.published("media-urls")
    data = json.loads(found.data)
    assert data["signed_url"].startswith("http")
    assert "X-Goog-Signature" in data["signed_url"]
    assert data.keys() == {
        *("gcs_uri", "signed_url", "expires_at", "automation", "event_id", "event_type"),
        *("run_id", "video_id", "segment_id", "index_id"),
    }
    assert (uri, "evt_1", "vid_1") == (data["gcs_uri"], data["event_id"], data["video_id"])
    assert found.attributes["ce-id"] == issue_key("ссылка: a link", "evt_1")
    assert found.attributes["ce-type"] == "com.vectormethods.media.url_issued"
    assert found.attributes["ce-videoid"] == "vid_1"
    assert "".join(found.attributes.values()).isascii()


def test_redelivery_issues_no_second_url(links: Deployed) -> None:
    """One event costs one grant, however often it comes."""
    for _ in range(3):
        assert links.push(processed(stored_uri(links))) == 200

    assert links.requests(POST) == 1
    assert len(links.published("media-urls")) == 1


def test_a_url_and_the_key_are_seen_nowhere_else(
    links: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither log, nor record, nor rejected message holds a credential."""
    links.push(processed(stored_uri(links)))
    links.push(processed("gs://elsewhere/x?X-Goog-Signature=abc", "evt_2"))
    (message,) = links.published("media-urls")
    secret = json.loads(message.data)["signed_url"].partition("?")[2]
    out, err = capsys.readouterr()
    (rejected,) = links.published("rejected")
    key = issue_key("ссылка: a link", "evt_1")
    record = links.record(f"signed_url:{key}").fields

    for text in (out, err, str(record), str(rejected.attributes)):
        assert secret not in text
        assert "Signature" not in text
        assert links.standin.keys["write"] not in text
    assert record["desired"] == {"gcs_uri": stored_uri(links), "force_refresh": False}


def broken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next publishing fail."""
    topics = subscriber._setup().backend.topics
    publish = type(topics).publish

    def failing(self: Any, topic: str, messages: list[Message], *, timeout: float) -> None:
        monkeypatch.setattr(type(topics), "publish", publish)
        raise BackendError("the topic did not answer")

    monkeypatch.setattr(type(topics), "publish", failing)


def test_a_failure_to_publish_costs_no_second_grant(
    links: Deployed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The request that is repeated carries the same key, and so gets the same URL."""
    monkeypatch.setattr(effects, "_PAUSE_SECONDS", 0.0)
    broken_once(monkeypatch)

    assert links.push(processed(stored_uri(links))) == 503
    key = issue_key("ссылка: a link", "evt_1")
    (until,) = links.record(f"signed_url:{key}").fields["pending"].values()
    monkeypatch.setattr(subscriber._setup().effects, "_now", lambda: until)
    assert links.push(processed(stored_uri(links))) == 200

    assert links.standin.control.journal(ids=False)["signed_urls"] == 1
    (found,) = links.published("media-urls")
    assert found.attributes["ce-id"] == key
    assert "Signature" not in capsys.readouterr().out


def test_a_repetition_asks_for_what_was_asked_at_first(
    embedded: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One idempotency key belongs to one request, even if the automation was edited meanwhile."""
    monkeypatch.setattr(effects, "_PAUSE_SECONDS", 0.0)
    uri = stored_uri(embedded)
    embedded.standin.control.faults({"on": POST, "kind": "drop", "act": True})
    assert embedded.push(processed(uri)) == 503
    (until,) = (
        embedded.record(f"signed_url:{issue_key('ссылка: a link', 'evt_1')}")
        .fields["pending"]
        .values()
    )
    embedded.automations(LINK + "force_refresh = true\n")
    monkeypatch.setattr(subscriber._setup().effects, "_now", lambda: until)

    assert embedded.push(processed(uri)) == 200

    assert embedded.standin.control.journal(ids=False)["signed_urls"] == 1


def test_a_lost_answer_costs_no_second_grant(
    embedded: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A POST whose answer was lost is repeated under its key, later."""
    monkeypatch.setattr(effects, "_PAUSE_SECONDS", 0.0)
    embedded.standin.control.faults({"on": POST, "kind": "drop", "act": True})
    assert embedded.push(processed(stored_uri(embedded))) == 503
    assert embedded.push(processed(stored_uri(embedded))) == 503
    assert embedded.requests(POST) == 1
    key = issue_key("ссылка: a link", "evt_1")
    (until,) = embedded.record(f"signed_url:{key}").fields["pending"].values()
    monkeypatch.setattr(subscriber._setup().effects, "_now", lambda: until)

    assert embedded.push(processed(stored_uri(embedded))) == 200

    assert embedded.standin.control.journal(ids=False)["signed_urls"] == 1
    assert len(embedded.published("media-urls")) == 1


@pytest.mark.parametrize(
    ("buckets", "code"), [("", "bucket_not_allowed"), ("other", "bucket_not_allowed")]
)
def test_a_bucket_must_be_allowed(embedded: Deployed, buckets: str, code: str) -> None:
    """Without its bucket on the list, no URL is asked for; no list allows none."""
    embedded.set("SIGNED_URL_BUCKETS", buckets)
    subscriber._setup.cache_clear()

    assert embedded.push(processed(stored_uri(embedded))) == 200

    assert embedded.requests(POST) == 0
    (found,) = embedded.published("rejected")
    assert ("user", code) == (found.attributes["reason"], found.attributes["code"])
    assert "SIGNED_URL_BUCKETS" in found.attributes["detail"]


@pytest.mark.parametrize("gcs_uri", ["gs://allowed/x\ny", 5, None, ["gs://allowed/x"]])
def test_an_odd_address_is_rejected(embedded: Deployed, gcs_uri: object) -> None:
    """What is no address of an object is the user's to mend."""
    assert embedded.push(processed(gcs_uri)) == 200

    (found,) = embedded.published("rejected")
    assert (found.attributes["reason"], found.attributes["code"]) == ("user", "bad_gcs_uri")


def test_an_object_that_is_not_there_is_rejected(embedded: Deployed) -> None:
    """VideoVector's 404 is final."""
    assert embedded.push(processed(f"gs://{BUCKET}/none.mp4")) == 200

    (found,) = embedded.published("rejected")
    assert found.attributes["code"] == "not_found"


def test_an_answer_of_another_shape_is_not_shown(
    embedded: Deployed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An answer that cannot be used is the vendor's to mend, and its values stay unseen."""
    monkeypatch.setattr(
        "infra.local.standin.grants.Grant.url", lambda *_: "ftp://x/y?X-Goog-Signature=abc"
    )

    assert embedded.push(processed(stored_uri(embedded))) == 200

    (found,) = embedded.published("rejected")
    assert (found.attributes["reason"], found.attributes["code"]) == ("vendor", "unexpected_answer")
    assert "Signature" not in str(found.attributes) + capsys.readouterr().out


@pytest.mark.parametrize(
    "gcs_uri",
    [
        "gs://allowed/x.mp4",
        "gs://allowed/a b/ü?#%2e.mp4",
        "gs://allowed/...",
        "gs://allowed/a/..b/c..",
        "gs://allowed//x",
        "gs://allowed/x/",
    ],
)
def test_addresses_in_allowed_buckets_are_allowed(gcs_uri: str) -> None:
    """Object names may hold nearly anything."""
    assert allowed_uri(gcs_uri, ALLOWED) == gcs_uri


@pytest.mark.parametrize(
    "gcs_uri",
    [
        "gs://allowed.evil/x",
        "gs://evil/allowed/x",
        "gs://allowed@evil/x",
        "gs://allowed:80/x",
        "gs://Allowed/x",
        "GS://allowed/x",
        " gs://allowed/x",
        "gs://allowed/x\n",
        "gs://allowed\n/x",
        "gs://allowed/x\x00",
        "gs://allowed/x\x85y",
        "gs://allowed/",
        "gs://allowed",
        "gs:///allowed/x",
        "gs://",
        "gs://allowed/../x",
        "gs://allowed/..",
        "gs://allowed/a/../../evil/x",
        "gs://allowed/./x",
        "gs://allowed/a/.",
        "gs://allowed\\evil/x",
        "gs://allowed?/x",
        "https://storage.googleapis.com/allowed/x",
        "s3://allowed/x",
        "",
    ],
    ids=ascii,
)
def test_no_other_address_is(gcs_uri: str) -> None:
    """Nothing that could be read as another place passes."""
    with pytest.raises(PermanentError):
        allowed_uri(gcs_uri, ALLOWED)
    with pytest.raises(PermanentError):
        allowed_uri("gs://allowed/x", frozenset())


@given(st.text(alphabet="gs:/alowed.@\\?#%\n\x00 AÅ", max_size=30) | st.text(max_size=20))
def test_any_text_is_an_allowed_address_or_refused(text: str) -> None:
    """What passes begins with the bucket, and holds no step and no control character."""
    for candidate in (text, "gs://allowed" + text, "gs://allowed/" + text):
        try:
            found = allowed_uri(candidate, ALLOWED)
        except PermanentError:
            continue
        assert found == candidate
        assert found.startswith("gs://allowed/")
        assert not {".", ".."} & set(found.split("/"))
        assert not any(ord(char) < 32 for char in found)


@given(st.text(min_size=1, max_size=100), st.text(alphabet="!~a", min_size=1, max_size=900))
def test_the_id_of_a_url_fits_a_header(automation: str, event_id: str) -> None:
    """Whatever the automation is called, the id can be an attribute and a header."""
    key = issue_key(automation, event_id)

    assert key.isascii()
    assert key.isprintable()
    assert len(key) <= 1_024
    assert key != issue_key(automation + "x", event_id)
    assert urls.EVENT_TYPE == "media.url_issued"
