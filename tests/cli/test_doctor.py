"""`doctor`: over a stand-in API, each backend, and recorded answers of Google's APIs."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from google.cloud.storage import Client

from infra.standin import StandIn
from tests.support import ROOT
from tests.support.commands import CommandResult, run_command
from tests.support.google_rest import DENIED, GoogleApis, serving_google
from tests.support.letters import LetterBox
from tests.support.local_deployment import describe, write_endpoints
from tests.support.operator import Operator, operating
from tests.support.secret_manager import serving_secrets
from videovector_bridge.api.webhooks import open_webhooks
from videovector_bridge.backends import BackendSettings, open_collections
from videovector_bridge.backends.gcp.rest import EMULATOR
from videovector_bridge.cli.context import CommandContext
from videovector_bridge.cli.operate.doctor.command import CHECKS
from videovector_bridge.cli.source_tree import find_source_hash, find_version
from videovector_bridge.watch.doctor.resources import TTL_FIELDS

AUTOMATIONS = ("--automations", str(ROOT / "functions" / "automations.toml"))
HARMLESS = {
    "GET /webhooks",
    "GET /webhooks/events",
    "POST /search/filter/playground",
    "POST /webhooks/deliveries/{delivery_id}/retry",
    "DELETE /markers/{marker_id}",
}
Findings = list[dict[str, str]]


@pytest.fixture
def operator(
    backend_settings: BackendSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Operator]:
    """Commands over each backend in turn, with the subscriptions that keep messages."""
    LetterBox(backend_settings, tmp_path)
    with operating(backend_settings, tmp_path, monkeypatch) as started:
        yield started


@pytest.fixture
def embedded(
    embedded_settings: BackendSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Operator]:
    """Commands over the embedded backend."""
    with operating(embedded_settings, tmp_path, monkeypatch) as started:
        yield started


def findings_of(ran: CommandResult) -> dict[str, Findings]:
    """Return the findings by check."""
    report = ran.json
    assert report.keys() == {"target", "wrong", "findings"}
    by_check: dict[str, Findings] = {}
    for each in report["findings"]:
        assert each.keys() == {"check", "subject", "state", "text", "fix"}
        by_check.setdefault(each["check"], []).append(each)
    return by_check


def states(findings: Findings) -> dict[str, str]:
    """Return the states by subject."""
    return {each["subject"]: each["state"] for each in findings}


def test_the_local_stack_is_checked_where_it_exists(operator: Operator) -> None:
    """The rest is `only on Google Cloud`."""
    findings = findings_of(operator.run("doctor", *AUTOMATIONS, "--json"))

    assert findings.keys() == set(CHECKS)
    for name in ("reachable", "key", "firestore"):
        assert [each["state"] for each in findings[name]] == ["ok"]
    assert states(findings["scopes"]) == dict.fromkeys(("search", "read", "write", "admin"), "ok")
    assert states(findings["clock"]) == {"VideoVector": "ok", "Google": "not checked"}
    subscriptions = states(findings["subscriptions"])
    assert (subscriptions["rejected"], subscriptions["dead-letters"]) == ("ok", "ok")
    for name in ("ttl", "secrets", "grants", "accounts", "versions"):
        assert {each["state"] for each in findings[name]} == {"not checked"}
        assert {each["text"] for each in findings[name]} == {"only on Google Cloud"}


def test_a_probe_document_is_not_left(operator: Operator) -> None:
    """Whoever may write may delete."""
    assert operator.run("doctor", "--only", "firestore").status == 0

    assert not open_collections(operator.settings).list("probes", limit=10, timeout=20)


def run_with_key(
    settings: BackendSettings, folder: Path, api_url: str, key: str, *only: str
) -> dict[str, Findings]:
    """Run some checks with another key."""
    write_endpoints(folder, settings, api_url=api_url, key=key)
    options = [word for name in only for word in ("--only", name)]
    return findings_of(run_command("doctor", "--local", *AUTOMATIONS, *options, "--json"))


@pytest.mark.parametrize(
    ("scope", "wrong"),
    [
        ("admin", set()),
        ("write", {"admin"}),
        ("read", {"admin", "write"}),
        ("search", {"admin", "write", "read"}),
    ],
)
def test_missing_scopes_are_named(
    embedded_settings: BackendSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scope: str,
    wrong: set[str],
) -> None:
    """With what needs them; no request has an effect."""
    monkeypatch.chdir(tmp_path)
    with StandIn() as standin:
        findings = run_with_key(
            embedded_settings, tmp_path, standin.api_url, standin.keys[scope], "scopes"
        )
        journal = standin.control.journal()

    by_scope = states(findings["scopes"])
    assert {name for name, state in by_scope.items() if state == "wrong"} == wrong
    assert not journal["markers"]
    assert journal["requests"].keys() <= HARMLESS


def test_a_refused_key_is_wrong(
    embedded_settings: BackendSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """VideoVector is reachable all the same."""
    monkeypatch.chdir(tmp_path)
    with StandIn() as standin:
        findings = run_with_key(
            embedded_settings, tmp_path, standin.api_url, "sk_wrong", "key", "reachable"
        )

    assert states(findings["key"]) == {"": "wrong"}
    assert states(findings["reachable"]) == {"": "ok"}


def test_videovector_may_be_away(
    embedded_settings: BackendSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is one wrong line; what depends on it is not checked."""
    monkeypatch.chdir(tmp_path)
    address = "http://127.0.0.1:9/api/v2"
    findings = run_with_key(embedded_settings, tmp_path, address, "sk_any", "reachable", "key")

    assert states(findings["reachable"]) == {"": "wrong"}
    assert states(findings["key"]) == {"": "not checked"}


def test_an_unknown_check_is_refused_with_the_known_ones(embedded: Operator) -> None:
    """Nothing is checked."""
    ran = embedded.run("doctor", "--only", "keys")

    assert ran.status == 2
    assert "--only 'keys' is no check; checks are reachable, key, scopes" in ran.err


def test_a_wrong_finding_is_first_with_its_fix_and_exits_1(
    embedded_settings: BackendSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the screen."""
    write_endpoints(tmp_path, embedded_settings, key="sk_any")
    monkeypatch.chdir(tmp_path)

    ran = run_command("doctor", "--local", "--only", "reachable", "--only", "ttl")

    assert ran.status == 1
    headline, wrong, fix, other = ran.out.splitlines()
    assert headline == "the local stack: 1 wrong, 1 not checked, 0 ok"
    assert wrong.startswith("wrong       reachable  VideoVector did not answer")
    assert fix.strip() == "-> check the network and VIDEO_VECTOR_BASE_URL"
    assert other == "not checked ttl        only on Google Cloud"


@pytest.mark.parametrize(("owner", "state"), [("w", "ok"), ("other", "wrong")])
def test_the_stored_secret_must_be_the_webhooks(
    embedded: Operator, tmp_path: Path, owner: str, state: str
) -> None:
    """The store says whose it is; `webhook test` proves it."""
    with open_webhooks(
        embedded.standin.api_url,
        lambda: embedded.standin.keys["admin"],
        timeout_seconds=10,
        user_agent="test",
    ) as client:
        url = "http://127.0.0.1:9/receive-webhook"
        name = "videovector-bridge:default"
        webhook, _ = client.create(name=name, url=url, events=["media.created"])
    file = tmp_path / "secrets"
    id_ = webhook.webhook_id if owner == "w" else owner
    file.write_text(f"# webhook default {id_}\nany-secret\n", encoding="utf-8")
    endpoints = tmp_path / "build" / "endpoints.json"
    content = json.loads(endpoints.read_text(encoding="utf-8"))
    content["deployment"]["webhook_secrets_file"] = str(file)
    endpoints.write_text(json.dumps(content), encoding="utf-8")

    findings = findings_of(embedded.run("doctor", "--only", "webhook", "--json"))["webhook"]

    assert states(findings) == {webhook.webhook_id: "ok", f"{webhook.webhook_id} secret": state}


def test_what_the_local_stack_lacks_comes_with_make_serve(embedded: Operator) -> None:
    """Nothing is deployed there."""
    findings = findings_of(embedded.run("doctor", "--only", "subscriptions", "--json"))

    wrong = [each for each in findings["subscriptions"] if each["state"] == "wrong"]
    assert {each["fix"] for each in wrong} == {"make serve"}


class Cloud:
    """A deployment whose Google APIs all answer as they should; tests change an answer."""

    def __init__(self, settings: BackendSettings, api_url: str, apis: GoogleApis) -> None:
        self.project = settings.project
        self.services = {
            "pubsub": f"pubsub.googleapis.com/v1/projects/{self.project}",
            "secrets": f"secretmanager.googleapis.com/v1/projects/{self.project}/secrets",
            "storage": "storage.googleapis.com/storage/v1",
            "projects": f"cloudresourcemanager.googleapis.com/v3/projects/{self.project}",
            "firestore": (
                f"firestore.googleapis.com/v1/projects/{self.project}/databases/(default)"
            ),
        }
        self.apis = apis
        self.description = describe(settings, api_url)
        self._complete_description()
        self._fill()

    def _complete_description(self) -> None:
        """Add what the local stack does not have."""
        project, description = self.project, self.description
        description["version"] = find_version()
        description["source_hash"] = find_source_hash()
        description["api_key_secret"] = f"projects/{project}/secrets/key"
        description["webhook_secret"] = f"projects/{project}/secrets/webhook"
        description["buckets"] = {"claims": f"{project}-claims", "previews": f"{project}-previews"}
        for name, function in description["functions"].items():
            function["account"] = f"{name}@{project}.iam.gserviceaccount.com"

    def _fill(self) -> None:
        """Let every request succeed."""
        self._add("GET", "{pubsub}/topics", {})
        permitted = _permit("monitoring.timeSeries.list")
        self._add("POST", "{projects}:testIamPermissions", permitted)
        policy = self._policy("datastore.user", "datastore.viewer")
        self._add("POST", "{projects}:getIamPolicy", policy)
        for topic in self.description["topics"].values():
            self._add("GET", "{pubsub}/topics/" + topic, {"name": topic})
            self._add_grants("{pubsub}/topics/" + topic, "pubsub.publisher")
        for each in self.description["subscriptions"].values():
            path = "{pubsub}/subscriptions/" + each["id"]
            self._add("GET", path, self._subscription(each))
            self._add_grants(path, "pubsub.subscriber")
        for name in ("claims", "previews", "videovector-source"):
            path = "{storage}/b/" + f"{self.project}-{name}"
            self._add("GET", path, {"name": name})
            self._add("GET", f"{path}/iam/testPermissions", _permit("storage.objects.get"))
            roles = ("storage.objectViewer", "storage.objectCreator", "storage.objectUser")
            self._add("GET", f"{path}/iam", self._policy(*roles))
        created = (datetime.now(UTC) - timedelta(days=2)).isoformat()
        version = {"name": "1", "state": "ENABLED", "createTime": created}
        for name in ("key", "webhook"):
            self._add("GET", "{secrets}/" + f"{name}/versions", {"versions": [version]})
            self._add_grants("{secrets}/" + name, "secretmanager.secretAccessor")
        for name, field in TTL_FIELDS.items():
            path = "{firestore}/collectionGroups/" + f"{name}/fields/{field}"
            self._add("GET", path, {"ttlConfig": {"state": "ACTIVE"}})

    def _add(self, method: str, path: str, body: Any) -> None:
        self.apis.add(method, path.format(**self.services), body)

    def _add_grants(self, path: str, role: str) -> None:
        self._add("GET", f"{path}:getIamPolicy", self._policy(role))
        self._add("POST", f"{path}:testIamPermissions", _permit(*_PERMISSIONS))

    def _policy(self, *roles: str) -> dict[str, Any]:
        members = [
            f"serviceAccount:{each['account']}" for each in self.description["functions"].values()
        ]
        return {"bindings": [{"role": f"roles/{role}", "members": members} for role in roles]}

    def _subscription(self, each: Mapping[str, str]) -> dict[str, Any]:
        project = f"projects/{self.project}"
        stored: dict[str, Any] = {
            "topic": f"{project}/topics/{each['topic']}",
            "filter": each["filter"],
            "state": "ACTIVE",
        }
        function = self.description["functions"].get(each["function"])
        if function and each["id"] not in function["pulls"]:
            stored["pushConfig"] = {"pushEndpoint": function["url"]}
            stored["deadLetterPolicy"] = {
                "deadLetterTopic": f"{project}/topics/dead-letters",
                "maxDeliveryAttempts": 100,
            }
        return stored


_PERMISSIONS = (
    "pubsub.topics.publish",
    "pubsub.topics.attachSubscription",
    "pubsub.subscriptions.consume",
    "pubsub.subscriptions.get",
    "secretmanager.versions.access",
    "secretmanager.versions.list",
)


def _permit(*permissions: str) -> dict[str, Any]:
    return {"permissions": list(permissions)}


@pytest.fixture
def cloud(gcp_settings: BackendSettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """A deployment in a project, on emulators and recorded answers."""
    with StandIn() as standin, serving_google() as apis, serving_secrets() as secrets:
        started = Cloud(gcp_settings, standin.api_url, apis)
        monkeypatch.setenv(EMULATOR, apis.address)
        monkeypatch.setenv("SECRET_MANAGER_EMULATOR_HOST", secrets.address)
        secrets.secrets[started.description["api_key_secret"]] = [standin.keys["admin"].encode()]
        bucket = Client(project=started.project).create_bucket(
            f"{started.project}-videovector-source"
        )
        bucket.blob("deployment.json").upload_from_string(json.dumps(started.description))
        yield started


def diagnose(cloud: Cloud, *only: str) -> dict[str, Findings]:
    """Run `doctor` on the project."""
    options = [word for name in only for word in ("--only", name)]
    ran = run_command(
        *("doctor", "--project", cloud.project, *AUTOMATIONS, "--json", *options),
        context=CommandContext({}),
    )
    return findings_of(ran)


@pytest.mark.emulator
def test_a_project_where_all_is_well(cloud: Cloud) -> None:
    """Every check is `ok`; the key is read from its secret."""
    findings = diagnose(cloud)

    wrong = [each for rows in findings.values() for each in rows if each["state"] != "ok"]
    assert wrong == []
    assert findings.keys() == set(CHECKS)


class Break(NamedTuple):
    """A changed answer of Google (None: 404), and what the finding of a check and its fix say."""

    check: str
    method: str
    path: str
    body: Any
    words: str
    fix: str


BROKEN = [
    Break("topics", "GET", "{pubsub}/topics/rejected", None, "it does not exist", "make deploy"),
    Break(
        *("subscriptions", "GET", "{pubsub}/subscriptions/rejected", None),
        *("subscription rejected does not exist", "make deploy"),
    ),
    Break(
        *("subscriptions", "GET", "{pubsub}/subscriptions/upsert-markers", {"filter": "x"}),
        *("its filter is not the one", "automations filters"),
    ),
    Break("buckets", "GET", "{storage}/b/{p}-claims", None, "it does not exist", "make deploy"),
    Break(
        *("ttl", "GET", "{firestore}/collectionGroups/effects/fields/expire_at", {}),
        *("no TTL policy", "make deploy"),
    ),
    Break(
        *("secrets", "GET", "{secrets}/key/versions", {}),
        *("no enabled version", "gcloud secrets versions add key"),
    ),
    Break(
        *("grants", "POST", "{pubsub}/subscriptions/rejected:testIamPermissions", {}),
        *("you lack pubsub.subscriptions.consume", "--role=roles/pubsub.subscriber"),
    ),
    Break(
        *("accounts", "GET", "{pubsub}/topics/events:getIamPolicy", {}),
        *("has no roles/pubsub.publisher", "--member=serviceAccount:drain@"),
    ),
]


@pytest.mark.emulator
@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_wrong_in_a_project_is_named_with_its_fix(cloud: Cloud, broken: Break) -> None:
    """Where one answer is changed."""
    key = f"{broken.method} {broken.path.format(p=cloud.project, **cloud.services)}"
    if broken.body is None:
        del cloud.apis.responses[key]
    else:
        cloud.apis.responses[key] = (200, broken.body)

    findings = diagnose(cloud, broken.check)[broken.check]
    wrong = [each for each in findings if each["state"] == "wrong"]

    assert any(broken.words in each["text"] and broken.fix in each["fix"] for each in wrong), wrong


@pytest.mark.emulator
def test_what_may_not_be_read_is_not_checked(cloud: Cloud) -> None:
    """With the role that reading needs; the other checks are made."""
    path = f"cloudresourcemanager.googleapis.com/v3/projects/{cloud.project}:getIamPolicy"
    cloud.apis.responses[f"POST {path}"] = DENIED

    accounts = diagnose(cloud, "accounts")["accounts"]

    unchecked = [each for each in accounts if each["state"] == "not checked"]
    assert [each["subject"] for each in unchecked] == [f"project {cloud.project}"]
    assert "roles/iam.securityReviewer" in unchecked[0]["text"]
    drain = next(each for each in accounts if each["subject"] == "drain")
    assert "the others are not checked" in drain["text"]


@pytest.mark.emulator
def test_another_version_is_deployed(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Than the source tree of this command has."""
    monkeypatch.setattr(
        "videovector_bridge.cli.operate.doctor.context.find_version", lambda: "9.9.9"
    )
    findings = states(diagnose(cloud, "versions")["versions"])

    assert findings == {"version": "wrong", "source": "ok"}
