"""`V4Signer` against a scripted Google: correct URLs, bounded time, no secret in errors."""

import base64
import hashlib
import json
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from google.auth import exceptions as auth_errors
from google.auth.compute_engine import _metadata
from google.cloud.storage import _signing
from google.oauth2 import credentials as user_credentials

from tests.support.api_client import Clock
from videovector_bridge.backends.gcp.retry import Retry
from videovector_bridge.backends.gcp.signer import V4Signer
from videovector_bridge.backends.ports import SignedObject
from videovector_bridge.errors import BackendError, PermanentError
from videovector_bridge.settings.buckets import MAX_SIGNED_URL_SECONDS

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
EMAIL = "bridge@test-project.iam.gserviceaccount.com"
OTHER = "signer@test-project.iam.gserviceaccount.com"
LIKE_A_QUERY = "a?X-Goog-Signature=deadbeef"
TOKEN = "ya29.opaque-0123456789"
KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
SIGN_BLOB = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{}:signBlob"

Step = tuple[int, Any] | Exception


@pytest.fixture(autouse=True)
def _frozen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Freeze the library's clock, and hide this machine's credentials and emulators."""
    monkeypatch.setattr(_signing, "_NOW", NOW.astimezone)
    monkeypatch.setattr(_metadata, "_GCE_PRODUCT_NAME_FILE", str(tmp_path / "none"))
    monkeypatch.setattr(_metadata, "_NO_GCE_CHECK", False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    for name in ("STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A service account's key file without a project, where Google's libraries look for it."""
    pem = KEY.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = tmp_path / "key.json"
    fields = {
        "type": "service_account",
        "client_email": EMAIL,
        "private_key": pem.decode(),
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    file.write_text(json.dumps(fields))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    return file


class Google:
    """The metadata server, and signBlob with a script; after it, signBlob signs.

    It is a transport as google.auth calls it.
    """

    def __init__(self, *script: Step) -> None:
        self.script = list(script)
        self.signed: list[str] = []
        self.waits: list[float] = []

    def __call__(self, url: str, method: str = "GET", **more: Any) -> Any:
        """Respond to one request."""
        host, path = urlsplit(url).netloc, urlsplit(url).path
        if host == "169.254.169.254":
            return http_response(200, "", **{"metadata-flavor": "Google"})
        if path.endswith("/service-accounts/default/"):
            return http_response(200, {"email": EMAIL})
        if path.endswith("/token"):
            return http_response(200, {"access_token": TOKEN, "expires_in": 3_599})
        if not path.endswith(":signBlob"):
            return http_response(404, {})
        return self._sign_blob(url, method, **more)

    def _sign_blob(
        self, url: str, method: str, *, body: bytes, headers: Mapping[str, str], timeout: float
    ) -> Any:
        assert method == "POST"
        assert headers["authorization"] == f"Bearer {TOKEN}"
        self.signed.append(url)
        self.waits.append(timeout)
        step = self.script.pop(0) if self.script else (200, {"signedBlob": signed_blob(body)})
        if isinstance(step, Exception):
            raise step
        return http_response(*step)


def http_response(status: int, content: Any, **headers: str) -> Any:
    """Return a response in the form of google.auth's transports."""
    kind = {"content-type": "application/json"}
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return SimpleNamespace(status=status, data=data, headers=kind | headers)


def signed_blob(body: bytes) -> str:
    """Return the signature of signBlob for a request with this body."""
    (payload,) = json.loads(body).values()
    signature = KEY.sign(base64.b64decode(payload), padding.PKCS1v15(), hashes.SHA256())
    return base64.b64encode(signature).decode()


def no_network(*_: object, **__: object) -> None:
    """Fail: the test must not send a request."""
    raise AssertionError("nothing may be asked")


def signer_of(
    google: Callable[..., Any], account: str = "", clock: Clock | None = None
) -> V4Signer:
    """Return a signer that does not sleep."""
    clock = clock or Clock()
    retry = Retry(clock=clock, sleep=clock.sleep, random=lambda: 1.0)
    return V4Signer(account, request=google, retry=retry)


def check(signed: SignedObject, bucket: str, name: str, *, email: str = EMAIL) -> None:
    """Assert that Google would accept the URL: every part, and the signature over all.

    https://cloud.google.com/storage/docs/authentication/canonical-requests
    https://cloud.google.com/storage/docs/authentication/signatures#string-to-sign
    """
    parts = urlsplit(signed.url)
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "storage.googleapis.com", "")
    assert parts.path == f"/{bucket}/{quote(name, safe='/~')}"
    assert unquote(parts.path) == f"/{bucket}/{name}"
    query = dict(parse_qsl(parts.query, strict_parsing=True))
    signature = bytes.fromhex(query.pop("X-Goog-Signature"))
    scope = "20260102/auto/storage/goog4_request"
    assert query == {
        "X-Goog-Algorithm": "GOOG4-RSA-SHA256",
        "X-Goog-Credential": f"{email}/{scope}",
        "X-Goog-Date": "20260102T030405Z",
        "X-Goog-Expires": "600",
        "X-Goog-SignedHeaders": "host",
    }
    canonical_query = "&".join(
        f"{quote(field, safe='')}={quote(value, safe='')}" for field, value in sorted(query.items())
    )
    request = (
        f"GET\n{parts.path}\n{canonical_query}\n"
        "host:storage.googleapis.com\n\nhost\nUNSIGNED-PAYLOAD"
    )
    digest = hashlib.sha256(request.encode()).hexdigest()
    string_to_sign = f"GOOG4-RSA-SHA256\n20260102T030405Z\n{scope}\n{digest}"
    KEY.public_key().verify(signature, string_to_sign.encode(), padding.PKCS1v15(), hashes.SHA256())
    assert signed.expires_at == "2026-01-02T03:14:05Z"
    assert signed.uri == f"gs://{bucket}/{name}"


def assert_discreet(error: BaseException) -> None:
    """Assert that neither its text nor its chain shows a token, a signature or a query."""
    shown = "".join(traceback.format_exception(error)) + repr(error)
    link: BaseException | None = error
    while link is not None:
        shown += str(link) + repr(vars(link))
        link = link.__cause__ or link.__context__
    assert TOKEN not in shown
    assert "X-Goog-" not in shown
    assert "deadbeef" not in shown


NAMES = ["video.mp4", "a b/c.bin", "caf\u00e9 \U0001f600.mp4", "100%?#+&=/~-_.!*'()", "a//b/%2F"]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_key_signs_without_the_network(key_file: Path, name: str) -> None:
    """For any object name, the signature is valid by Google's rules."""
    check(signer_of(no_network).sign("my-bucket", name, seconds=600), "my-bucket", name)


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_iam_signs_where_there_is_no_key(name: str) -> None:
    """Credentials that are only a token request their account, and IAM signs."""
    google = Google()

    check(signer_of(google).sign("my-bucket", name, seconds=600), "my-bucket", name)

    assert google.signed == [SIGN_BLOB.format(EMAIL)]


def test_iam_signs_as_another_account() -> None:
    """The account of the setting is used, not the credentials' own."""
    google = Google()

    signed = signer_of(google, OTHER).sign("my-bucket", "a", seconds=600)

    check(signed, "my-bucket", "a", email=OTHER)
    assert google.signed == [SIGN_BLOB.format(OTHER)]


def test_a_key_signs_for_its_own_account_alone(key_file: Path) -> None:
    """Its own account signs locally; for another account IAM signs, authorized by the key."""
    google = Google()

    signed = signer_of(no_network, EMAIL).sign("my-bucket", "a", seconds=600)
    check(signed, "my-bucket", "a")
    signed = signer_of(google, OTHER).sign("my-bucket", "a", seconds=600)
    check(signed, "my-bucket", "a", email=OTHER)

    assert google.signed == [SIGN_BLOB.format(OTHER)]


def test_the_token_is_asked_for_once() -> None:
    """Credentials are loaded once in a process, and reused while they are valid."""
    asked: list[str] = []
    google = Google()

    def counted(url: str, **more: Any) -> Any:
        asked.append(url)
        return google(url, **more)

    signer = signer_of(counted)
    for _ in range(3):
        signer.sign("my-bucket", "a", seconds=600)

    assert len(google.signed) == 3
    assert len([url for url in asked if urlsplit(url).path.endswith("/token")]) == 1


def test_it_connects_to_nothing_before_its_first_use() -> None:
    """Nor does it load credentials, so it can be created before a fork."""
    signer_of(no_network)
    V4Signer(find_credentials=no_network)


@pytest.mark.parametrize("seconds", [1, MAX_SIGNED_URL_SECONDS])
def test_a_lifetime_is_a_second_to_a_week(key_file: Path, seconds: int) -> None:
    """Both limits are allowed, and the expiry is exact to the second."""
    signed = signer_of(no_network).sign("my-bucket", "a", seconds=seconds)

    ends = datetime.fromisoformat(signed.expires_at)
    assert (ends - NOW.replace(microsecond=0)).total_seconds() == seconds
    assert f"X-Goog-Expires={seconds}&" in signed.url


@pytest.mark.parametrize("seconds", [0, -1, MAX_SIGNED_URL_SECONDS + 1])
def test_another_lifetime_is_the_users_mistake(seconds: int) -> None:
    """No request is sent, and a redelivery would not help."""
    with pytest.raises(PermanentError, match="7 days") as caught:
        signer_of(no_network).sign("my-bucket", "a", seconds=seconds)

    assert (caught.value.owner, caught.value.code) == ("user", "bad_lifetime")


@pytest.mark.parametrize(
    ("bucket", "name"),
    [("", "a"), ("my-bucket", ""), ("my-bucket/x", "a"), ("b?x", "a"), ("my-bucket", "\ud800")],
)
def test_no_url_leads_to_what_is_no_object(bucket: str, name: str) -> None:
    """A slash in a bucket would name another bucket; an empty name would list the bucket."""
    with pytest.raises(PermanentError, match="not the address of an object") as caught:
        signer_of(no_network).sign(bucket, name, seconds=600)

    assert (caught.value.owner, caught.value.code) == ("user", "bad_gcs_uri")


PASSING: list[Step] = [
    (500, {}),
    (503, {"error": {"message": f"busy with Bearer {TOKEN}"}}),
    (429, {"error": {"message": "slower"}}),
    (502, b"<p>Bad gateway</p>"),
    (200, {}),
    (200, []),
    (200, b"<p>OK</p>"),
    auth_errors.TransportError(f"timed out with Bearer {TOKEN}"),  # type: ignore[no-untyped-call]
    OSError("connection reset"),
]


@pytest.mark.parametrize("step", PASSING, ids=range(len(PASSING)))
def test_passing_trouble_is_tried_again(step: Step) -> None:
    """No response, a busy IAM and a wrong response are retried."""
    google = Google(step)
    clock = Clock()

    signed = signer_of(google, clock=clock).sign("my-bucket", "a", seconds=600)

    check(signed, "my-bucket", "a")
    assert len(google.signed) == 2
    assert clock.sleeps == [0.1]


@pytest.mark.parametrize("step", PASSING, ids=range(len(PASSING)))
def test_lasting_trouble_ends_in_time(step: Step) -> None:
    """It is retried for its seconds and no longer; the error shows no secret."""
    google = Google(*[step] * 100)
    clock = Clock()

    with pytest.raises(BackendError, match="did not succeed within 20 s") as caught:
        signer_of(google, clock=clock).sign("my-bucket", LIKE_A_QUERY, seconds=600)

    assert clock() <= 1020
    assert_discreet(caught.value)


def test_a_silent_iam_costs_the_time_and_no_more() -> None:
    """Each wait is cut to the rest of the attempt and of the whole call."""
    clock = Clock()
    waits: list[float] = []
    google = Google()

    def silent(url: str, **more: Any) -> Any:
        if not url.endswith(":signBlob"):
            return google(url, **more)
        waits.append(more["timeout"])
        clock.seconds += 2 * more["timeout"]  # to connect, and for the response
        error: Any = auth_errors.TransportError
        raise error("timed out")

    with pytest.raises(BackendError, match="timed out"):
        signer_of(silent, clock=clock).sign("my-bucket", "a", seconds=600)

    assert waits[0] == 5.0
    assert clock() <= 1020


def test_a_metadata_server_that_goes_silent_ends_in_time() -> None:
    """google.auth's own five retries with growing waits are not used."""
    clock = Clock()
    google = Google()

    def silent(url: str, **more: Any) -> Any:
        if "service-accounts" not in url:
            return google(url, **more)
        clock.seconds += 2 * more["timeout"]
        error: Any = auth_errors.TransportError
        raise error("no route to host")

    with pytest.raises(BackendError, match="no route to host") as caught:
        signer_of(silent, clock=clock).sign("my-bucket", "a", seconds=600)

    assert clock() <= 1020
    assert_discreet(caught.value)


@pytest.mark.parametrize(("account", "who"), [("", EMAIL), (OTHER, OTHER)])
def test_a_missing_role_is_named(account: str, who: str) -> None:
    """A refusal is not retried; the error names the role and the resource."""
    said = f"Permission 'iam.serviceAccounts.signBlob' denied to {TOKEN}"
    google = Google((403, {"error": {"code": 403, "message": said}}))

    with pytest.raises(
        BackendError, match=r"roles/iam\.serviceAccountTokenCreator on the"
    ) as caught:
        signer_of(google, account).sign("my-bucket", LIKE_A_QUERY, seconds=600)

    assert f"sign as {who}" in str(caught.value)
    assert "iam.serviceAccounts.signBlob" in str(caught.value)
    assert len(google.signed) == 1
    assert_discreet(caught.value)


@pytest.mark.parametrize(
    ("status", "sentence"), [(404, "check SIGNING_ACCOUNT"), (400, "Google answered")]
)
def test_other_refusals_are_not_tried_again(status: int, sentence: str) -> None:
    """A body that is not in Google's form is not quoted."""
    google = Google((status, f"whatever {TOKEN}".encode()))

    with pytest.raises(BackendError, match=sentence) as caught:
        signer_of(google, OTHER).sign("my-bucket", "a", seconds=600)

    assert len(google.signed) == 1
    assert_discreet(caught.value)


def test_without_credentials_it_says_what_to_set() -> None:
    """The error is transient: Pub/Sub redelivers the message."""

    def nobody(url: str, **_: Any) -> Any:
        return http_response(404, {"url": url})

    with pytest.raises(BackendError, match="set GOOGLE_APPLICATION_CREDENTIALS"):
        signer_of(nobody).sign("my-bucket", "a", seconds=600)


def test_a_key_file_that_is_none_says_what_to_set(key_file: Path) -> None:
    """No error has its content."""
    key_file.write_text(key_file.read_text().replace("BEGIN", "BEGUN"))

    with pytest.raises(BackendError, match="set GOOGLE_APPLICATION_CREDENTIALS") as caught:
        signer_of(no_network).sign("my-bucket", "a", seconds=600)

    assert "PRIVATE" not in "".join(traceback.format_exception(caught.value))


def test_a_persons_credentials_need_a_named_account() -> None:
    """Those of `gcloud auth application-default login` have no service account."""
    make: Any = user_credentials.Credentials
    person = make(TOKEN)

    with pytest.raises(BackendError, match="set SIGNING_ACCOUNT"):
        V4Signer(find_credentials=lambda **_: (person, None), request=no_network).sign(
            "my-bucket", "a", seconds=600
        )
    google = Google()
    signer = V4Signer(OTHER, find_credentials=lambda **_: (person, None), request=google)

    check(signer.sign("my-bucket", "a", seconds=600), "my-bucket", "a", email=OTHER)


def test_no_repr_shows_the_url(key_file: Path) -> None:
    """The URL is a credential."""
    signer = signer_of(no_network)
    signed = signer.sign("my-bucket", "a", seconds=600)

    assert repr(signed) == (
        "SignedObject(uri='gs://my-bucket/a', expires_at='2026-01-02T03:14:05Z')"
    )
    assert "PRIVATE" not in repr(signer)


def test_an_emulator_needs_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """The URL leads to the emulator, over its scheme, and is invalid at Google."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:4443")

    signed = signer_of(no_network).sign("my-bucket", "a b", seconds=600)

    assert signed.url.startswith("http://127.0.0.1:4443/my-bucket/a%20b?")
    assert signed.expires_at == "2026-01-02T03:14:05Z"
    assert "nobody%40emulator.invalid" in signed.url
