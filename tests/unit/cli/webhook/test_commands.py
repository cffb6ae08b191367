"""The commands `webhook ensure`, `rotate`, `list` and `delete`: options, output, exit statuses."""

import httpx
import pytest

from tests.support.commands import WebhookCommands, run_command
from tests.support.webhook_api import EVENTS, URL, webhook
from videovector_bridge.cli.stored_secrets import StoredSecrets
from videovector_bridge.webhook_secrets import WebhookSecrets


def stored_secrets(cli: WebhookCommands) -> WebhookSecrets:
    """Return the secrets in the file."""
    return StoredSecrets.parse(cli.secret_file.read_text(encoding="utf-8")).secrets


def test_ensure_creates_a_webhook(cli: WebhookCommands) -> None:
    """For every event that VideoVector lists; only the file contains the secret."""
    ran = cli.ensure("--json")

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
        "stored_in": str(cli.secret_file),
    }
    assert stored_secrets(cli).secrets[0].value == "word-new1-0"


def test_ensure_prints_the_webhook_and_the_changes(cli: WebhookCommands) -> None:
    """The webhook in two columns; the changes on standard error."""
    cli.add(webhook("w1", status="paused", url=f"{URL}?token=deadbeefcafe"))
    first = cli.ensure("--events", "media.created", "--index", "a,b")
    second = cli.ensure("--events", "media.created", "--index", "b,a")

    assert "\nindex_ids      a, b\n" in first.out
    assert first.err.endswith(
        "As specified now (its secret rotated; changed url, events, index_ids, status)."
    )
    assert second.err == "As specified already."
    assert cli.api.webhooks["w1"]["index_ids"] == ["a", "b"]


def test_everything_wrong_is_reported_at_once(cli: WebhookCommands) -> None:
    """Options, settings and the store; no request is sent."""
    file = str(cli.secret_file.parent / "none" / "x")
    ran = cli.run(
        *("ensure", "--url", "nowhere", "--name", "a b", "--secret-file", file),
        environ={"VIDEO_VECTOR_API_KEY": "", "VIDEO_VECTOR_BASE_URL": "ftp://x"},
    )

    assert ran.status == 2
    for name in ("--url", "--name", "--secret-file", "VIDEO_VECTOR_API_KEY", "_BASE_URL"):
        assert name in ran.err
    assert cli.api.requests == []
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
def test_wrong_usage(cli: WebhookCommands, arguments: tuple[str, ...]) -> None:
    """Status 2 and a message; no request is sent."""
    ran = cli.run(*arguments)

    assert ran.status == 2
    assert ran.err
    assert cli.api.requests == []


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
def test_a_wrong_url_is_refused(cli: WebhookCommands, url: str) -> None:
    """A URL has no user and only visible ASCII characters."""
    ran = cli.run("ensure", "--url", url, "--secret-file", str(cli.secret_file))

    assert (ran.status, cli.api.requests) == (2, [])
    assert "--url must be" in ran.err


def test_a_url_may_have_an_at_sign_in_its_path(cli: WebhookCommands) -> None:
    """Only a user is refused."""
    url = "https://host.example/@me/x"
    ran = cli.run("ensure", "--url", url, "--secret-file", str(cli.secret_file))

    assert ran.status == 0


def test_rotate_stores_the_new_secret_first(cli: WebhookCommands) -> None:
    """The old secret follows, with its end."""
    cli.ensure()
    ran = cli.run("rotate", "--secret-file", str(cli.secret_file), "--grace", "15m", "--json")
    new, old = stored_secrets(cli).secrets

    assert ran.status == 0
    assert (new.value, new.until, old.value) == ("word-new1-1", None, "word-new1-0")
    assert old.until is not None
    assert ran.json["old_secrets_end"] == old.until.isoformat()


def test_rotate_needs_a_webhook(cli: WebhookCommands) -> None:
    """Status 3 and how to create one; nothing is written."""
    ran = cli.run("rotate", "--secret-file", str(cli.secret_file))

    assert ran.status == 3
    assert "webhook ensure" in ran.err
    assert not cli.secret_file.exists()


def test_surplus_webhooks_are_mentioned(cli: WebhookCommands) -> None:
    """The command uses the first one and names the command that deletes the others."""
    cli.add(webhook("w1"), webhook("w2"))
    ran = cli.run("deliveries")

    assert ran.status == 0
    assert "more webhooks of that name (w2); `webhook ensure` deletes them" in ran.err


@pytest.mark.parametrize("error", [httpx.ConnectError("refused"), httpx.ReadTimeout("late")])
def test_no_response_is_a_failure(cli: WebhookCommands, error: httpx.TransportError) -> None:
    """The exit status is 1, and the message names the correction."""

    def fail(_what: str) -> None:
        raise error

    cli.api.on_step = fail
    ran = cli.ensure()

    assert ran.status == 1
    assert "Run the command again" in ran.err


def test_list_shows_every_webhook(cli: WebhookCommands) -> None:
    """Webhooks of the bridge have the bridge's name."""
    cli.add(webhook("w1"), webhook("w2"), webhook("w9", name="theirs", metadata=None))
    ran = cli.run("list", "--json")

    assert [each["ours"] for each in ran.json["webhooks"]] == ["default", "default", None]
    assert "theirs" in cli.run("list").out


@pytest.mark.parametrize("stdin", ["n\n", ""])
def test_delete_needs_a_confirmation(cli: WebhookCommands, stdin: str) -> None:
    """Without one, nothing is deleted, and the status is 1."""
    cli.add(webhook("w1"), webhook("w2"))
    ran = cli.run("delete", "default", stdin=stdin)

    assert ran.status == 1
    assert "--yes" in ran.err
    assert len(cli.api.webhooks) == 2


def test_delete_deletes_only_webhooks_of_the_bridge(cli: WebhookCommands) -> None:
    """All of this name; a second run finds none."""
    cli.add(webhook("w1"), webhook("w2"), webhook("w9", name="theirs", metadata=None))

    assert cli.run("delete", "default", "--yes", "--json").json == {"deleted": ["w1", "w2"]}
    assert list(cli.api.webhooks) == ["w9"]
    assert "no webhook named 'default'" in cli.run("delete", "default", "--yes").err


@pytest.mark.parametrize("command", ["ensure", "rotate", "test", "deliveries", "list", "delete"])
def test_help_states_the_exit_statuses(command: str) -> None:
    """The help of every command has them."""
    out = run_command("webhook", command, "--help").out

    assert "Exit status: 0 done; 1" in " ".join(out.split())
