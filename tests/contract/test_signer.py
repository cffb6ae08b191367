"""The `Signer` port: URLs that read an object, from either backend."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from google.auth.compute_engine import _metadata
from google.cloud.storage import Client

from tests.support.emulators import BUCKETS
from videovector_bridge.backends import Backend, BackendSettings, open_backend
from videovector_bridge.backends.ports import NoSigner
from videovector_bridge.errors import BackendError, PermanentError
from videovector_bridge.settings.subscriber import subscriber_settings

NAMES = ["a", "a b/c+d.mp4", "caf\u00e9 \U0001f600?&#%2F", "x" * 1_000]


@pytest.fixture
def _no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide this machine's own credentials and emulators."""
    monkeypatch.setattr(_metadata, "_GCE_PRODUCT_NAME_FILE", str(tmp_path / "none"))
    monkeypatch.setattr(_metadata, "_NO_GCE_CHECK", True)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    for name in ("STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.emulator
@pytest.mark.parametrize("kind", ["embedded", "gcp"])
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_url_of_the_emulator_fetches_the_bytes(
    gcp_settings: BackendSettings, embedded_settings: BackendSettings, kind: str, name: str
) -> None:
    """So the local stack can use signed URLs; only the bucket must exist."""
    bucket = Client(project=gcp_settings.project).bucket(gcp_settings.claim_bucket)
    bucket.blob(name).upload_from_string(b"\x00bytes\xff")
    backend = open_backend(gcp_settings if kind == "gcp" else embedded_settings)

    signed = backend.signer.sign(gcp_settings.claim_bucket, name, seconds=60)

    fetched = httpx.get(signed.url, trust_env=False)
    assert (fetched.status_code, fetched.content) == (200, b"\x00bytes\xff")
    assert signed.uri == f"gs://{gcp_settings.claim_bucket}/{name}"


@pytest.mark.parametrize("kind", ["embedded", "gcp"])
@pytest.mark.usefixtures("_no_credentials")
def test_without_credentials_the_error_is_transient_with_advice(tmp_path: Path, kind: str) -> None:
    """The embedded backend signs for Google's buckets too, so it needs credentials."""
    settings = BackendSettings("embedded" if kind == "embedded" else "gcp", "p", str(tmp_path))
    with pytest.raises(BackendError, match="set GOOGLE_APPLICATION_CREDENTIALS"):
        open_backend(settings).signer.sign(BUCKETS[0], "a", seconds=60)


def test_a_name_that_cannot_be_signed_is_a_permanent_error(backend: Backend) -> None:
    """No request to Google is sent."""
    with pytest.raises(PermanentError, match="not the address of an object") as caught:
        backend.signer.sign("My Bucket", "a", seconds=60)

    assert caught.value.code == "bad_gcs_uri"


@pytest.mark.parametrize("kind", ["embedded", "gcp"])
def test_the_library_is_loaded_when_it_is_first_used(tmp_path: Path, kind: str) -> None:
    """A process that never signs does not load it."""
    code = (
        "import sys; from videovector_bridge.backends import *;"
        f"open_backend(BackendSettings({kind!r}, 'p', {str(tmp_path)!r})).signer;"
        "print('google.cloud.storage' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"


@pytest.mark.parametrize("backend", ["embedded", "gcp"])
def test_the_signing_account_is_a_setting_of_subscribers(backend: str) -> None:
    """Either backend is opened with it."""
    environ = {
        "BACKEND": backend,
        "EMBEDDED_DIR": "here",
        "GOOGLE_CLOUD_PROJECT": "test-project",
        "VIDEO_VECTOR_API_KEY": "sk_x",
        "SIGNING_ACCOUNT": "signer@test-project.iam.gserviceaccount.com",
    }

    assert subscriber_settings(environ).backend.signing_account == environ["SIGNING_ACCOUNT"]


def test_a_backend_without_a_signer_raises() -> None:
    """Tests may build such backends."""
    with pytest.raises(BackendError, match="signs no URLs"):
        NoSigner().sign("my-bucket", "a", seconds=60)
