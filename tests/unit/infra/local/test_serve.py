"""What the scheduler of `make serve` calls."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from infra.local.configuration import read_configuration
from infra.local.scheduler import Job
from infra.local.serve import list_jobs
from infra.local.topology import read_topology

REAL = {"VIDEO_VECTOR_API_KEY": "sk_x", "VIDEO_VECTOR_BASE_URL": "https://api.example.com/api/v2"}


def jobs(**environ: str) -> dict[str, float]:
    """The pause of each job, by what it calls."""
    return {job.name: job.pause_seconds for job in jobs_of(environ)}


def jobs_of(environ: Mapping[str, str]) -> list[Job]:
    """The jobs of the scheduler."""
    topology = read_topology()
    functions = {name: SimpleNamespace(url=f"http://127.0.0.1:9/{name}") for name in topology.uses}
    stack: Any = SimpleNamespace(
        configuration=read_configuration(environ),
        drain=functions["drain"],
        functions=functions,
        topology=topology,
    )
    return list_jobs(stack)


def test_every_schedule_of_the_topology_is_kept_in_proportion() -> None:
    """SCHEDULE_SECONDS stands for the minute of `drain`."""
    streams = '{"a": {}, "b": {"run_id": "r"}}'

    assert jobs(SCHEDULE_SECONDS="6", STREAMS=streams) == {
        "a": 6,
        "b": 6,
        "reconcile": 30,
        "canary": 360,
    }


def test_two_jobs_call_a_live_stream_in_turn() -> None:
    """The second starts between two calls of the first; the other functions have one job each."""
    starts = [(job.name, job.first_seconds) for job in jobs_of({"PROFILE": "live"})]

    assert starts == [("default", 0), ("default", 5), ("reconcile", 0), ("canary", 0)]


def test_a_real_account_is_only_drained() -> None:
    """The others send test deliveries and retry failed ones, so they need AUTOMATIONS_FILE too."""
    assert jobs(**REAL).keys() == {"default"}
