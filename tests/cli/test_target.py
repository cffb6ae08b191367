"""`cli.target`: which deployment a command works on."""

import json
from pathlib import Path

import pytest
from google.cloud.storage import Client

from tests.support.local_deployment import describe, write_endpoints
from videovector_bridge.backends import BackendSettings
from videovector_bridge.cli.target import Target, open_target
from videovector_bridge.errors import BackendError, SettingsError

KEY = "sk_stand_in"


def open_local(file: Path, **environ: str) -> Target:
    """Open the local stack of an endpoints file."""
    return open_target(environ, project="", prefix="", local=True, endpoints=file)


@pytest.mark.parametrize(("project", "local"), [("", False), ("p", True)])
def test_a_target_is_a_project_or_the_local_stack(project: str, local: bool) -> None:  # noqa: FBT001
    """Neither and both are refused."""
    with pytest.raises(SettingsError, match=r"--project PROJECT .* and --local"):
        open_target({}, project=project, prefix="", local=local)


def test_the_local_stack_must_run(tmp_path: Path) -> None:
    """The sentence names the file and the command that writes it."""
    with pytest.raises(SettingsError, match=r"endpoints\.json .*`make serve`"):
        open_local(tmp_path / "endpoints.json")


def test_the_local_stack_has_its_own_key(
    tmp_path: Path, embedded_settings: BackendSettings
) -> None:
    """A key in the environment belongs to another API than the stand-in."""
    file = write_endpoints(tmp_path, embedded_settings, key=KEY)

    target = open_local(file, VIDEO_VECTOR_API_KEY="sk_real")  # pragma: allowlist secret

    assert target.is_local
    assert target.api.key.current() == KEY
    assert target.api.base_url == describe(embedded_settings)["api_base_url"]


def test_a_local_stack_over_a_real_account_uses_the_key_of_the_environment(
    tmp_path: Path, embedded_settings: BackendSettings
) -> None:
    """Its key is never written to a file."""
    file = write_endpoints(tmp_path, embedded_settings)

    target = open_local(file, VIDEO_VECTOR_API_KEY="sk_real")  # pragma: allowlist secret

    assert target.api.key.current() == "sk_real"


def test_a_target_without_a_key_says_so(tmp_path: Path, embedded_settings: BackendSettings) -> None:
    """Only where the key is needed."""
    target = open_local(write_endpoints(tmp_path, embedded_settings))

    with pytest.raises(SettingsError, match="VIDEO_VECTOR_API_KEY is not set"):
        _ = target.api


@pytest.mark.emulator
def test_a_deployment_is_described_in_its_bucket(gcp_settings: BackendSettings) -> None:
    """Found by project and prefix."""
    client = Client(project=gcp_settings.project)
    bucket = client.create_bucket(f"{gcp_settings.project}-blue-videovector-source")
    content = json.dumps(describe(gcp_settings) | {"prefix": "blue-"})
    bucket.blob("deployment.json").upload_from_string(content)

    target = open_target({}, project=gcp_settings.project, prefix="blue-", local=False)

    assert not target.is_local
    assert target.deployment.prefix == "blue-"
    assert target.deployment.backend.project == gcp_settings.project


@pytest.mark.emulator
def test_a_project_without_a_deployment_is_named(gcp_settings: BackendSettings) -> None:
    """With the role that reading needs."""
    with pytest.raises(BackendError, match=r"videovector-source.*roles/storage\.objectViewer"):
        open_target({}, project=gcp_settings.project, prefix="", local=False)
