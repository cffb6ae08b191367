"""A project of the fake Google Cloud: `fakegcp.py`, from the folder that FAKEGCP names."""

import base64
import importlib.util
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.acceptance.cloud import CloudError, Function, Variables
from tests.acceptance.fake_routes import respond

PROJECT = "fake-project"
REGION = "us-central1"
KEY = f"projects/{PROJECT}/locations/{REGION}/keyRings/ring/cryptoKeys/key"
_CHANNEL = "1234"
_API_KEY_SECRET = "videovector-api-key"  # pragma: allowlist secret
_AGENTS = ("artifactregistry", "cloudfunctions", "firestore", "pubsub", "run", "secretmanager")
# Makes the provider quick, and changes nothing that it sends.
_OVERRIDE = """\
provider "google" {
  poll_interval = "500ms"
  batching {
    send_after = "200ms"
  }
}
"""
# Of the caller's environment, none of this reaches Terraform.
_FOREIGN = ("GOOGLE_", "TF_", "GCLOUD_", "CLOUDSDK_")


class FakeCloud:
    """One fake project on a port of its own. `options` are fields of `fakegcp.Options`."""

    def __init__(self, module: ModuleType, mirror: Path, options: Mapping[str, Any]) -> None:
        self._call_type = module.Call
        self._fake = module.Fake(module.Options(project=PROJECT, **options))
        # The server asks `handle`: ours corrects what this fake does not model yet.
        self._original = self._fake.handle
        self._fake.handle = self._handle
        self._fake.seed_secret(_API_KEY_SECRET)
        self._fake.seed_key(KEY)
        channel = self._fake.seed_channel(_CHANNEL)
        self._before = set(self._fake.store)
        self._server = module.serve(self._fake)
        self._endpoints: Mapping[str, str] = module.environment(self._server.server_address[1])
        self.init_options: Sequence[str] = (f"-plugin-dir={mirror}",)
        self.override = _OVERRIDE
        self.cleanup_commands: Sequence[str] = ()
        self.limit_seconds = 900.0
        self.variables: Variables = {
            "project_id": PROJECT,
            "region": REGION,
            # With the default, `grant_lag`, there is nothing to wait for.
            "grant_wait_seconds": 0,
        }
        self.options: Variables = {
            "alert_emails": ["operator@example.com"],
            "budget": {"billing_account": "01ABCD-23EF45-67AB89", "amount": 50.5},
            "notification_channels": [channel],
        }

    @property
    def environment(self) -> Mapping[str, str]:
        """Only the fake's endpoints: a request to any other host is refused and recorded."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        # Collecting garbage is a fifth of the provider's CPU time.
        quick = {"GOGC": "400"}
        return {**kept, **quick, **self._endpoints, "TF_CLI_CONFIG_FILE": os.devnull}

    def break_builds(self, folder: Path, functions: Sequence[str]) -> None:  # noqa: ARG002
        """Fail the next build of each function; the one after it succeeds."""
        with self._fake.lock:
            self._fake.options.fail_first_build = ",".join(functions)
            self._fake.failed_builds.clear()

    def repair_builds(self, folder: Path) -> None:
        """Nothing to do: builds fail once."""

    def create_service_agents(self, *, bigquery: bool) -> None:
        """Create each agent with the request of `gcloud beta services identity create`."""
        for name in (*_AGENTS, "storage", *(("bigquery",) if bigquery else ())):
            path = f"projects/{PROJECT}/services/{name}.googleapis.com:generateServiceIdentity"
            self.request("POST", "serviceusage", path)

    def read_functions(self) -> Mapping[str, Function]:
        """Return the functions of the project by name."""
        with self._fake.lock:
            return {
                key.rpartition("/")[2]: Function(
                    state=stored["state"],
                    source_hash=_environment(stored).get("SOURCE_HASH", ""),
                )
                for key, stored in self._fake.store.items()
                if key.startswith("cloudfunctions/")
            }

    def list_subscriptions(self) -> set[str]:
        """Return the names of the project's subscriptions."""
        return {
            key.rpartition("/")[2]
            for key in self.list_keys()
            if key.startswith("pubsub/") and "/subscriptions/" in key
        }

    def write_object(self, bucket: str, name: str) -> None:
        """Write a small object."""
        with self._fake.lock:
            holder = self._fake.read(f"storage/b/{bucket}")
            self._fake.put_object(bucket, name, b"{}", "application/json", holder)

    def find_faults(self) -> list[str]:
        """Return what the fake's audit says, and requests that it could not answer."""
        options = self._fake.options
        with self._fake.lock:
            log = list(self._fake.log)
            # What will hold when the last grants are effective.
            lag, options.grant_lag = options.grant_lag, 0.0
            faults = list(self._fake.audit())
            options.grant_lag = lag
        unknown = {
            f"the fake cloud has no route for {each['method']} {each['service']} {each['path']}"
            for each in log
            if each.get("reason") == "NO_ROUTE"
        }
        outside = {
            f"Terraform asked for {each['path']}, which is not the fake cloud"
            for each in log
            if each["method"] == "CONNECT" and not each["path"].startswith("openidconnect.")
        }
        return [*faults, *sorted(unknown), *sorted(outside)]

    def find_remains(self) -> list[str]:
        """Return what exists and did not before; Firestore lists fields of deleted databases."""
        return [
            f"{key} is left in the cloud"
            for key in sorted(self.list_keys() - self._before)
            if "/collectionGroups/" not in key
        ]

    def close(self) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._server.server_close()

    # What only a fake cloud can do.

    def request(self, method: str, service: str, path: str, body: Variables | None = None) -> Any:
        """Send a request as a client of the APIs does; raises `CloudError` if it is refused."""
        try:
            return self._handle(self._call_type(method, service, path, {}, body or {}, b"", {}))
        except Exception as error:
            raise CloudError(f"{method} {service} {path}: {error}") from error

    def list_keys(self) -> set[str]:
        """Return the keys of all resources, such as `pubsub/projects/P/topics/T`."""
        with self._fake.lock:
            return set(self._fake.store)

    def read(self, key: str) -> Variables:
        """Return a copy of the resource with this key."""
        with self._fake.lock:
            return dict(self._fake.read(key))

    def count_writes(self) -> int:
        """Return how many requests changed something until now."""
        readers = (":getIamPolicy", ":testIamPermissions")
        with self._fake.lock:
            return sum(
                each["method"] not in ("GET", "CONNECT") and not each["path"].endswith(readers)
                for each in self._fake.log
            )

    def rotate_key(self) -> None:
        """Make another version of the key primary, also of the objects that it encrypts."""
        version = f"{KEY}/cryptoKeyVersions/2"
        with self._fake.lock:
            self._fake.store[f"cloudkms/{KEY}"]["primary"]["name"] = version
            for stored in self._fake.store.values():
                if "kmsKeyName" in stored and stored.get("kind") == "storage#object":
                    stored["kmsKeyName"] = version

    def add_secret_version(self, secret: str) -> None:
        """Add a version to a secret, as `videovector-bridge webhook` does."""
        data = base64.b64encode(b"made-up").decode()
        path = f"projects/{PROJECT}/secrets/{secret}:addVersion"
        self.request("POST", "secretmanager", path, {"payload": {"data": data}})

    def destroy_secret_version(self, secret: str, version: int) -> None:
        """Destroy a version, as an operator does after a rotation."""
        path = f"projects/{PROJECT}/secrets/{secret}/versions/{version}:destroy"
        self.request("POST", "secretmanager", path)

    def _handle(self, call: Any) -> Any:
        return respond(self._fake, call, self._original)


def _environment(function: Mapping[str, Any]) -> Mapping[str, str]:
    variables: Mapping[str, str] = function["serviceConfig"].get("environmentVariables", {})
    return variables


def load_fake(folder: Path) -> ModuleType:
    """Import `fakegcp.py` from its folder. Only one thread may call it."""
    name = "fakegcp"
    spec = importlib.util.spec_from_file_location(name, folder / "fakegcp.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # its dataclasses look it up
    spec.loader.exec_module(module)
    return module
