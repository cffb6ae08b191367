"""Invariant 8: the memory of `receive-webhook` is bounded for any sender, and fits its instance.

The sum is stated in docs/configuration.md. The function runs as deployed, over Google's client.
"""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from infra.local.processes.functions import Function
from infra.local.topology import read_topology
from tests.bench.row import measure_session
from tests.support import ROOT
from tests.support.patience import PATIENCE_SECONDS
from tests.support.peers import stalled_server
from tests.support.secret_manager import serving_secrets
from tests.support.webhooks import SECRET, delivery, environment, headers
from videovector_bridge.backends import BackendSettings
from videovector_bridge.ingest.body import IN_FLIGHT_BYTES, SMALL_BYTES
from videovector_bridge.ingest.delivery import MAX_VALUES
from videovector_bridge.settings.webhook import webhook_settings

TOPOLOGY = ROOT / "infra" / "topology.json"
NAME = "projects/a-project/secrets/webhook"
MAX_BYTES = webhook_settings({"GOOGLE_CLOUD_PROJECT": "p", "WEBHOOK_SECRETS": SECRET}).max_bytes

PROCESS_MB = 95  # with Google's clients, and the host's process that starts it
COPIES = 5  # of a body: its parts, the body, the message, the request, on the wire
BODIES_MB = IN_FLIGHT_BYTES / 1e6 * COPIES
VALUE_BYTES = 80  # of memory for a value of the most costly JSON
TEXT_COST = 8  # bytes of memory for a byte of text: decoded twice, 4 bytes for a character
DECODING_MB = (MAX_VALUES * VALUE_BYTES + MAX_BYTES * TEXT_COST) / 1e6
BOUND_MB = PROCESS_MB + BODIES_MB + DECODING_MB

ROUNDS = 3
SENDERS = 96


def read_limit_mb() -> float:
    """Return the memory of an instance, in MB."""
    functions = json.loads(TOPOLOGY.read_text(encoding="utf-8"))["functions"]
    memory = functions["receive-webhook"]["resources"]["memory"]
    assert memory.endswith("Mi")
    return int(memory.removesuffix("Mi")) * 1.048576


def test_the_sum_fits_the_instance_that_is_deployed() -> None:
    """With a quarter to spare: the memory of the kernel's buffers is not known."""
    assert read_limit_mb() * 0.75 > BOUND_MB


def test_the_page_states_this_sum() -> None:
    """The rows of the table and their sum are those of the code."""
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"\| Memory of `receive-webhook` .*?\n\n", page, re.DOTALL)

    assert re.findall(r"(\d+) MB(?:\*\*,[^|]*)? \|", table) == [
        f"{each:.0f}" for each in (PROCESS_MB, BODIES_MB, DECODING_MB, BOUND_MB)
    ]


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Function]:
    """The function with the environment of its deployment; Pub/Sub and Firestore do not respond."""
    with serving_secrets() as manager, stalled_server() as pubsub, stalled_server() as firestore:
        manager.secrets[NAME] = [SECRET.encode()]
        variables = {
            **environment(BackendSettings("gcp", "a-project", "")),
            **read_topology().environments["receive-webhook"],
            "WEBHOOK_SECRETS": "",
            "WEBHOOK_SECRETS_NAME": NAME,
            "SECRET_MANAGER_EMULATOR_HOST": manager.address,
            "PUBSUB_EMULATOR_HOST": pubsub,
            "FIRESTORE_EMULATOR_HOST": firestore,
            "PUBLISH_SECONDS": "2",
        }
        function = Function("receive-webhook", "receive_webhook", variables, tmp_path)
        function.start()
        try:
            function.wait()
            yield function
        finally:
            function.close()


def bodies() -> list[bytes]:
    """Return bodies that fill the budget; one, as many as are decoded at once, is costly JSON."""
    values = b'{"":0},' * (MAX_VALUES // 3 - 10)
    costly = delivery(data={"run_id": "run_1", "n": 0}).replace(b":0}", b":[" + values + b"0]}")
    larges = [costly.ljust(MAX_BYTES), *[delivery().ljust(MAX_BYTES)] * 5]
    return larges + [delivery().ljust(SMALL_BYTES)] * (SENDERS - len(larges))


def test_deliveries_that_are_not_published_stay_within_the_sum(receiver: Function) -> None:
    """All threads hold a body; the memory of earlier rounds is used again."""
    requests = [(body, headers(body, Connection="close")) for body in bodies()]
    limits = httpx.Limits(max_connections=None)

    with (
        httpx.Client(timeout=PATIENCE_SECONDS, limits=limits) as client,
        ThreadPoolExecutor(SENDERS) as pool,
    ):

        def post(request: tuple[bytes, dict[str, str]]) -> int:
            body, sent = request
            return client.post(receiver.url, content=body, headers=sent).status_code

        for _ in range(ROUNDS):
            assert set(pool.map(post, requests)) == {503}
    peak_mb = measure_session(receiver.session()).peak_mb * 1.048576

    log = receiver.log.read_text(encoding="utf-8")
    assert log.count("webhook.publish_failed") > SENDERS
    assert peak_mb < BOUND_MB, f"{peak_mb:.0f} MB"
