"""The command line: options, exit statuses, output, and that no secret is ever in it."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from tests.support.secret_manager import serving_secrets
from tests.support.webhook_api import EVENTS, URL, WebhookApi, delivery, webhook
from videovector_bridge.backends import BackendSettings, open_backend
from videovector_bridge.backends.ports import Message
from videovector_bridge.cli import main
from videovector_bridge.cli.app import app
from videovector_bridge.cli.durations import seconds_of
from videovector_bridge.cli.webhook import commands, deliveries
from videovector_bridge.cli.webhook.stored_secrets import StoredSecrets

KEY = "opaque-0123456789-credential"


class Ran:
    """A run of the command line: its exit status and what it wrote where."""

    def __init__(self, *arguments: str, answer: str = "") -> None:
        result = CliRunner().invoke(app, list(arguments), input=answer)
        self.status = result.exit_code
        self.out = result.stdout
        self.err = " ".join(result.stderr.replace("│", " ").split())
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception

        assert KEY not in self.out + self.err
        assert "word-" not in self.out + self.err
        assert "deadbeef" not in self.out + self.err

    @property
    def json(self) -> Any:
        """Standard output, which is JSON and nothing else."""
        return json.loads(self.out)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[WebhookApi]:
    """A VideoVector, and an environment that names it."""
    fake = WebhookApi()
    for module in (commands, deliveries):
        monkeypatch.setattr(module, "open_client", lambda _settings: fake.client())
    for name in ("VIDEO_VECTOR_BASE_URL", "VIDEO_VECTOR_API_KEY_FILE", "EVENTS_TOPIC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VIDEO_VECTOR_API_KEY", KEY)
    monkeypatch.setenv("BACKEND", "embedded")
    monkeypatch.setenv("EMBEDDED_DIR", str(tmp_path / "embedded"))
    yield fake
    # Only what the requests themselves carry may name a secret.
    assert not [key for key in fake.keys if "word" in key or KEY in key]


def add(api: WebhookApi, *hooks: dict[str, Any]) -> None:
    """Let these webhooks exist."""
    for each in hooks:
        api.webhooks[each["webhook_id"]] = each
        api.secrets[each["webhook_id"]] = f"word-{each['webhook_id']}-0"


def ensure(file: Path, *more: str) -> Ran:
    """Run `webhook ensure`."""
    return Ran("webhook", "ensure", "--url", URL, "--secret-file", str(file), *more)


def test_ensure_creates(api: WebhookApi, tmp_path: Path) -> None:
    """With every event that VideoVector lists; the secret is in the file and nowhere else."""
    file = tmp_path / "secrets"
    ran = ensure(file, "--json")

    assert ran.status == 0
    assert ran.json == {
        "webhook": {
            "webhook_id": "new1",
            "ours": "default",
            "name": "videovector-bridge:default",
            "status": "active",
            "failure_count": 0,
            "url": URL,
            "events": list(EVENTS),
            "index_ids": None,
            "created_at": ran.json["webhook"]["created_at"],
        },
        "created": True,
        "secret_learned": False,
        "changed": [],
        "removed": [],
        "stored_in": str(file),
    }
    assert StoredSecrets.parse(file.read_text()).secrets.secrets[0].value == "word-new1-0"


def test_ensure_reads_well(api: WebhookApi, tmp_path: Path) -> None:
    """The webhook in two columns; what was done on standard error."""
    add(api, webhook("w1", status="paused", url=f"{URL}?token=deadbeefcafe"))
    first = ensure(tmp_path / "secrets", "--events", "media.created", "--index", "a,b")
    again = ensure(tmp_path / "secrets", "--events", "media.created", "--index", "b,a")

    assert "\nindex_ids      a, b\n" in first.out
    assert first.err.endswith(
        "As wanted now (its secret rotated; changed url, events, index_ids, status)."
    )
    assert again.err == "As wanted already."
    assert api.webhooks["w1"]["index_ids"] == ["a", "b"]


def test_everything_wrong_is_named_at_once(
    api: WebhookApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Options, settings and the place for the secret; nothing is asked of anybody."""
    monkeypatch.setenv("VIDEO_VECTOR_API_KEY", "")
    monkeypatch.setenv("VIDEO_VECTOR_BASE_URL", "ftp://x")
    file = str(tmp_path / "none" / "x")
    ran = Ran("webhook", "ensure", "--url", "nowhere", "--name", "a b", "--secret-file", file)

    assert ran.status == 2
    for name in ("--url", "--name", "--secret-file", "VIDEO_VECTOR_API_KEY", "_BASE_URL"):
        assert name in ran.err
    assert api.requests == []
    assert ran.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("ensure", "--secret-file", "x"),
        ("ensure", "--url", URL),
        ("rotate", "--secret-file", "x", "--grace", "soon"),
        ("rotate",),
        ("rotate", "--secret", "my-secret"),
        ("test", "--subscription", "mine"),
        ("deliveries", "--limit", "0"),
        ("nothing",),
    ],
)
def test_wrong_usage(api: WebhookApi, arguments: tuple[str, ...]) -> None:
    """Status 2, a sentence, and nothing asked of anybody."""
    ran = Ran("webhook", *arguments)

    assert ran.status == 2
    assert ran.err
    assert api.requests == []


def test_rotate(api: WebhookApi, tmp_path: Path) -> None:
    """The new secret first, the old one with its end."""
    file = tmp_path / "secrets"
    ensure(file)
    ran = Ran("webhook", "rotate", "--secret-file", str(file), "--grace", "15m", "--json")
    new, old = StoredSecrets.parse(file.read_text()).secrets.secrets

    assert ran.status == 0
    assert (new.value, new.until, old.value) == ("word-new1-1", None, "word-new1-0")
    assert old.until is not None
    assert ran.json["old_secrets_end"] == old.until.isoformat()


def test_secrets_in_secret_manager(api: WebhookApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions: the announcement, then the secret. A secret that may not be written is told."""
    secret = "projects/p/secrets/webhook"  # pragma: allowlist secret
    with serving_secrets() as manager:
        monkeypatch.setenv("SECRET_MANAGER_EMULATOR_HOST", manager.address)
        missing = Ran("webhook", "ensure", "--url", URL, "--secret", secret)
        manager.secrets[secret] = []
        made = Ran("webhook", "ensure", "--url", URL, "--secret", secret, "--json")

    assert missing.status == 1
    assert "gcloud secrets create" in missing.err
    assert made.json["stored_in"] == secret
    announced, stored = [version.decode() for version in manager.secrets[secret]]
    assert "# rotating until" in announced
    assert StoredSecrets.parse(stored).secrets.secrets[0].value == "word-new1-0"


def test_rotate_needs_a_webhook(api: WebhookApi, tmp_path: Path) -> None:
    """Status 3, and how to get one. Nothing was written."""
    ran = Ran("webhook", "rotate", "--secret-file", str(tmp_path / "x"))

    assert ran.status == 3
    assert "webhook ensure" in ran.err
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (httpx.ConnectError("refused"), "Run the command again"),
        (httpx.ReadTimeout("late"), "Run the command again"),
    ],
)
def test_no_answer(
    api: WebhookApi, tmp_path: Path, trouble: httpx.TransportError, words: str
) -> None:
    """Status 1, and what to do."""

    def fail(_what: str) -> None:
        raise trouble

    api.trouble = fail
    ran = ensure(tmp_path / "secrets")

    assert ran.status == 1
    assert words in ran.err


def publish(tmp_path: Path, **attributes: str) -> Callable[[], None]:
    """Publish a message with these attributes, as `receive_webhook` would."""
    backend = open_backend(BackendSettings("embedded", "p", str(tmp_path / "embedded"), ""))
    found = {name.replace("_", "-"): value for name, value in attributes.items()}
    return lambda: backend.topics.publish("events", [Message(b"{}", found)], timeout=5)


def test_test_sees_the_event(api: WebhookApi, tmp_path: Path) -> None:
    """One that was published before is not the one."""
    add(api, webhook("w1"))
    source, kind = "//api.example.test/webhooks/w1", "com.vectormethods.test"
    publish(tmp_path, ce_type=kind, ce_source=source, ce_id="old")()
    api.on_test = publish(tmp_path, ce_type=kind, ce_source=source, ce_id="new")
    ran = Ran("webhook", "test", "--json", "--timeout", "5s")

    assert ran.status == 0
    assert ran.json["event_id"] == "new"
    assert ran.json["seen_on"] == "projects/embedded/topics/events"


def test_test_that_is_refused(api: WebhookApi) -> None:
    """Status 3, and what to look at."""
    add(api, webhook("w1"))
    api.test_answer = {"success": False, "status_code": 401, "error": "word"}
    ran = Ran("webhook", "test")

    assert ran.status == 3
    assert "secrets are not this webhook's" in ran.err


def test_test_that_is_not_seen(api: WebhookApi) -> None:
    """Status 3 after the time."""
    add(api, webhook("w1"))
    ran = Ran("webhook", "test", "--timeout", "1s", "--json")

    assert ran.status == 3
    assert "within 1 s" in ran.err
    assert ran.out == ""


def test_deliveries(api: WebhookApi) -> None:
    """A table, without what was delivered."""
    add(api, webhook("w1"))
    api.records = [delivery("d1"), delivery("d2", "delivered")]
    every = Ran("webhook", "deliveries")
    failed = Ran("webhook", "deliveries", "--failed", "--limit", "1", "--json")

    assert every.status == failed.status == 0
    assert "d1" in every.out
    assert "d2" in every.out
    assert [each["delivery_id"] for each in failed.json["deliveries"]] == ["d1"]
    assert "payload" not in failed.json["deliveries"][0]


def test_deliveries_sent_again(api: WebhookApi) -> None:
    """Those shown that failed, each told; status 3 if one of them is refused."""
    add(api, webhook("w1"))
    api.records = [delivery("d1"), delivery("d2", "delivered"), delivery("d3", attempts=9)]
    ran = Ran("webhook", "deliveries", "--retry", "--json")

    assert ran.status == 3
    assert ran.json["retried"] == [
        {"delivery_id": "d1", "status": "pending", "refused": None},
        {
            "delivery_id": "d3",
            "status": None,
            "refused": "Only a failed delivery can be retried",
        },
    ]
    assert "1 of 2 deliveries were not sent again" in ran.err


def test_list_and_delete(api: WebhookApi) -> None:
    """Ours are marked; only ours of that name are deleted, and only when told to."""
    theirs = webhook("w9", name="theirs", metadata=None)
    add(api, webhook("w1"), webhook("w2"), theirs)
    listed = Ran("webhook", "list", "--json")

    assert [each["ours"] for each in listed.json["webhooks"]] == ["default", "default", None]
    assert "theirs" in Ran("webhook", "list").out
    for answer in ("n\n", ""):
        ran = Ran("webhook", "delete", "default", answer=answer)
        assert ran.status == 1
        assert "--yes" in ran.err
    assert len(api.webhooks) == 3
    assert Ran("webhook", "delete", "default", "--yes", "--json").json == {"deleted": ["w1", "w2"]}
    assert list(api.webhooks) == ["w9"]
    assert "none of ours" in Ran("webhook", "delete", "default", "--yes").err


def test_failed_deliveries_are_those_that_failed(api: WebhookApi) -> None:
    """Also where VideoVector does not heed the filter."""
    add(api, webhook("w1"))
    api.heeds_status = False
    api.records = [delivery("d1", "delivered"), delivery("d2"), delivery("d3", "retrying")]

    ran = Ran("webhook", "deliveries", "--failed", "--json")

    assert [each["delivery_id"] for each in ran.json["deliveries"]] == ["d2"]


def test_retries_that_stop_half_way_show_what_was_done(api: WebhookApi) -> None:
    """And then why they stopped."""
    add(api, webhook("w1"))
    api.records = [delivery("d1"), delivery("d2")]

    def trouble(step: str) -> None:
        if "deliveries/d2/retry" in step:
            raise httpx.ConnectError("gone")

    api.trouble = trouble
    ran = Ran("webhook", "deliveries", "--retry")

    assert ran.status == 1
    assert "d1: sent again, now pending" in ran.err
    assert "VideoVector did not answer" in ran.err


@pytest.mark.parametrize(
    "url",
    [
        "https://user@host.example/x",
        "https://host.example/a b",
        "https://host.example/ü",
        "https://host.example/\ud800",
        "https://host.example/\n",
    ],
    ids=ascii,
)
def test_an_address_is_one(api: WebhookApi, tmp_path: Path, url: str) -> None:
    """Without a user, and of visible characters."""
    ran = Ran("webhook", "ensure", "--url", url, "--secret-file", str(tmp_path / "s"))

    assert (ran.status, api.requests) == (2, [])
    assert "--url must be" in ran.err


def test_an_address_may_hold_an_at_sign_in_its_path(api: WebhookApi, tmp_path: Path) -> None:
    """Only a user is refused."""
    url = "https://host.example/@me/x"
    ran = Ran("webhook", "ensure", "--url", url, "--secret-file", str(tmp_path / "s"))

    assert ran.status == 0


@pytest.mark.parametrize("command", ["ensure", "rotate", "test", "deliveries", "list", "delete"])
def test_help_states_the_exit_statuses(command: str) -> None:
    """On every command."""
    assert "Exit status: 0 done; 1" in " ".join(Ran("webhook", command, "--help").out.split())


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("15m", 900), ("1h", 3_600), ("7d", 604_800), (" 5s ", 5)]
)
def test_durations(text: str, seconds: float) -> None:
    """A whole number and its unit."""
    assert seconds == seconds_of(text)


def test_a_missing_extra_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The deployed requirements have no Typer of their own."""
    monkeypatch.delitem(sys.modules, "videovector_bridge.cli.app")
    for name in [name for name in sys.modules if name.partition(".")[0] == "typer"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "typer", None)

    with pytest.raises(SystemExit) as ended:
        main.main()

    assert ended.value.code == 2
    assert "videovector-bridge[cli]" in capsys.readouterr().err


def test_a_mistake_of_ours_is_a_sentence(
    api: WebhookApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the place where it happened, and without a traceback."""

    def broken(_what: str) -> None:
        raise ZeroDivisionError("secret=hidden-hidden-hidden")

    api.trouble = broken
    monkeypatch.setattr(sys, "argv", ["videovector-bridge", "webhook", "list"])

    with pytest.raises(SystemExit) as ended:
        main.main()
    told = capsys.readouterr().err

    assert ended.value.code == 1
    assert "ZeroDivisionError" in told
    assert "Traceback" not in told
    assert "hidden-hidden" not in told
