"""A fake of the Secret Manager methods that the bridge uses, over gRPC on loopback."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.cloud.secretmanager_v1 import types
from google.iam.v1 import iam_policy_pb2  # type: ignore[import-untyped]

_SERVICE = "google.cloud.secretmanager.v1.SecretManagerService"
PERMISSIONS = ("secretmanager.versions.access", "secretmanager.versions.add")


@dataclass
class FakeSecretManager:
    """Secrets by name, each a list of versions. Each call first raises the next of `failures`.

    `states` has the versions that are not enabled, by their full names.
    """

    address: str = ""
    stop: Callable[[], Any] = lambda: None
    states: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, list[bytes]] = field(default_factory=dict)
    permissions: tuple[str, ...] = PERMISSIONS
    failures: list[grpc.StatusCode] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def access(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Return the latest version, which counts even if it is not enabled, as at Google."""
        secret, _, version = request.name.partition("/versions/")
        assert version == "latest"
        versions = self._versions(secret, context)
        if not versions:
            context.abort(grpc.StatusCode.NOT_FOUND, "it has no versions")
        name = f"{secret}/versions/{len(versions)}"
        if state := self.states.get(name):
            message = f"Secret Version [{name}] is in {state} state."
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, message)
        return types.AccessSecretVersionResponse(
            name=name,
            payload=types.SecretPayload(data=versions[-1]),
        )

    def add(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Add a version."""
        versions = self._versions(request.parent, context)
        versions.append(request.payload.data)
        return types.SecretVersion(name=f"{request.parent}/versions/{len(versions)}")

    def test_permissions(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Return the granted ones of the requested permissions."""
        self._versions(request.resource, context)
        granted = [each for each in request.permissions if each in self.permissions]
        return iam_policy_pb2.TestIamPermissionsResponse(permissions=granted)

    def _versions(self, secret: str, context: grpc.ServicerContext) -> list[bytes]:
        if secret not in self.secrets:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Secret [{secret}] not found")
        return self.secrets[secret]

    def handler(self, name: str, method: Callable[..., Any], parse: Any, render: Any) -> Any:
        """Return a gRPC handler that records its calls and raises `failures` first."""

        def call(request: Any, context: grpc.ServicerContext) -> Any:
            self.calls.append(name)
            if self.failures:
                context.abort(self.failures.pop(0), "scripted failure")
            return method(request, context)

        return grpc.unary_unary_rpc_method_handler(call, parse, render)


@contextmanager
def serving_secrets() -> Iterator[FakeSecretManager]:
    """Serve a fake on a free port."""
    fake = FakeSecretManager()
    access, add = types.AccessSecretVersionRequest, types.AddSecretVersionRequest
    permissions = iam_policy_pb2.TestIamPermissionsRequest
    methods = {
        "AccessSecretVersion": fake.handler(
            "access", fake.access, access.deserialize, types.AccessSecretVersionResponse.serialize
        ),
        "AddSecretVersion": fake.handler(
            "add", fake.add, add.deserialize, types.SecretVersion.serialize
        ),
        "TestIamPermissions": fake.handler(
            "test",
            fake.test_permissions,
            permissions.FromString,
            iam_policy_pb2.TestIamPermissionsResponse.SerializeToString,
        ),
    }
    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(_SERVICE, methods)])
    fake.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    fake.stop = lambda: server.stop(None).wait()
    try:
        yield fake
    finally:
        fake.stop()
