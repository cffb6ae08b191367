"""What a run needs of a cloud, besides Terraform."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

Variables = Mapping[str, Any]
"""Variables of Terraform by name."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function in the cloud: its state (`ACTIVE` if it runs), and the SOURCE_HASH it runs."""

    state: str
    source_hash: str


class CloudError(Exception):
    """The cloud, or a program that asks it, failed; the message says what and why."""


class Cloud(Protocol):
    """One project, with what must exist before the first apply."""

    @property
    def variables(self) -> Variables:
        """Terraform's variables that every deployment in this project has."""

    @property
    def options(self) -> Variables:
        """Variables that only this cloud can give a value to, for "everything on"."""

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment of Terraform."""

    @property
    def override(self) -> str:
        """Content of an override file for Terraform, or the empty string."""

    @property
    def init_options(self) -> Sequence[str]:
        """Options of `terraform init`."""

    @property
    def limit_seconds(self) -> float:
        """Seconds that one Terraform command may take."""

    @property
    def cleanup_commands(self) -> Sequence[str]:
        """Commands that delete what a stopped run leaves; none in a cloud that ends with it."""

    def break_builds(self, folder: Path, functions: Sequence[str]) -> None:
        """Have the next build of these functions fail; `folder` is the functions' source."""

    def repair_builds(self, folder: Path) -> None:
        """Have builds succeed again."""

    def create_service_agents(self, *, bigquery: bool) -> None:
        """Create Google's service agents, as `make deploy` does where there is a key."""

    def read_functions(self) -> Mapping[str, Function]:
        """Return the functions of the project by name."""

    def list_subscriptions(self) -> set[str]:
        """Return the names of the project's subscriptions."""

    def write_object(self, bucket: str, name: str) -> None:
        """Write a small object."""

    def find_faults(self) -> list[str]:
        """Return a sentence for each thing that would fail at run time, as far as it can see."""

    def find_remains(self) -> list[str]:
        """Return a sentence for each resource that exists and did not before the first apply."""

    def close(self) -> None:
        """Delete what the run created besides Terraform, and free what it holds."""
