"""The settings of a deployment, from the variables that make passes in the environment."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_FORMS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "PROJECT": (
        re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]"),
        "a project's id, such as my-project-1",
    ),
    "REGION": (re.compile(r"[a-z]+-[a-z]+[0-9]+"), "a region, such as us-central1"),
    "NAME": (re.compile(r"[a-z0-9][a-z0-9-]{0,62}"), "lower-case letters, digits and hyphens"),
    "API_KEY_SECRET": (re.compile(r"[A-Za-z0-9_-]{1,255}"), "the name of a secret, alone"),
    "YES": (re.compile(r"1|true|yes|0|false|no|"), "1, true or yes, or 0, false, no or empty"),
    "RETRY_SECONDS": (re.compile(r"[0-9]{1,4}"), "whole seconds, 0 to 9999"),
}
_DEFAULTS = {
    "NAME": "default",
    "API_KEY_SECRET": "videovector-api-key",  # pragma: allowlist secret
    "RETRY_SECONDS": "60",
}
# Terraform's variables that make sets with -var, which has priority over a file.
_MAKE_VARIABLES = {
    "project_id": "PROJECT",
    "region": "REGION",
    "api_key_secret": "API_KEY_SECRET",  # pragma: allowlist secret
    "automations_file": "AUTOMATIONS_FILE",
}
# What can change the depth of brackets in a .tfvars file, and an assignment.
_TOKEN = re.compile(
    r'"(?:\\.|[^"\\])*"|#[^\n]*|//[^\n]*|/\*.*?\*/|[\[\]{}()]|^[ \t]*([\w-]+)\s*=(?!=)',
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What to deploy, where. `variables_file` and `automations_file` are optional."""

    project: str
    region: str
    name: str = "default"
    api_key_secret: str = "videovector-api-key"  # noqa: S105  # its name  # pragma: allowlist secret
    variables_file: Path | None = None
    automations_file: Path | None = None

    @property
    def state_bucket(self) -> str:
        """The name of the bucket with the states of this project's deployments."""
        return f"{self.project}-videovector-state"

    @property
    def state_url(self) -> str:
        """The address of the state: Terraform stores it under the prefix `name`."""
        return f"gs://{self.state_bucket}/{self.name}/default.tfstate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A deployment, and how to run it: `retry_seconds` before the second attempt of an apply."""

    deployment: Deployment
    key_file: Path | None = None
    approved: bool = False
    retry_seconds: int = 60


def read_settings(environ: Mapping[str, str]) -> tuple[Settings, list[str]]:
    """Return the settings, and every problem of them as a sentence."""
    texts = {name: environ.get(name) or _DEFAULTS.get(name, "") for name in _FORMS}
    texts["YES"] = texts["YES"].lower()
    files = {
        name: Path(environ[name])
        for name in ("VARS", "AUTOMATIONS_FILE", "API_KEY_FILE")
        if environ.get(name)
    }
    problems = [
        f"{name} must be {form}, not {texts[name]!r}"
        for name, (pattern, form) in _FORMS.items()
        if not pattern.fullmatch(texts[name])
    ]
    problems += [
        f"{name}: file {file} does not exist" for name, file in files.items() if not file.is_file()
    ]
    variables = files.get("VARS")
    if variables and not environ.get("NAME"):
        problems.append(_explain_missing_name(texts["PROJECT"], variables))
    if variables and variables.is_file():
        problems += find_conflicts(variables.name, variables.read_text(encoding="utf-8"))
    deployment = Deployment(
        project=texts["PROJECT"],
        region=texts["REGION"],
        name=texts["NAME"],
        api_key_secret=texts["API_KEY_SECRET"],
        variables_file=variables,
        automations_file=files.get("AUTOMATIONS_FILE"),
    )
    settings = Settings(
        deployment=deployment,
        key_file=files.get("API_KEY_FILE"),
        approved=texts["YES"] in {"1", "true", "yes"},
        retry_seconds=int(texts["RETRY_SECONDS"]) if texts["RETRY_SECONDS"].isdecimal() else 0,
    )
    return settings, problems


def find_conflicts(file: str, content: str) -> list[str]:
    """Return a problem for each variable in a file that make also sets, and would override.

    `file` is its name: Terraform reads a name that ends with .json as JSON.
    """
    try:
        names = json.loads(content) if file.endswith(".json") else _iter_assignments(content)
    except ValueError as error:
        return [f"VARS: {file} is not JSON: {error}"]
    return [
        f"VARS sets {name}: set it with {_MAKE_VARIABLES[name]}=... instead"
        for name in names
        if name in _MAKE_VARIABLES
    ]


def _iter_assignments(content: str) -> Iterator[str]:
    """Yield the variables of a .tfvars file; a field inside an object is none."""
    depth = 0
    for token in _TOKEN.finditer(content):
        if token[1] and depth == 0:
            yield token[1]
        depth += (token[0] in tuple("([{")) - (token[0] in tuple(")]}"))


def _explain_missing_name(project: str, variables: Path) -> str:
    """Earlier versions named the state after the variables file; say how to use that state."""
    earlier = variables.name.removesuffix(".tfvars")
    sentence = (
        "NAME is required with VARS: it selects the state. Earlier versions used the file's name"
    )
    if _FORMS["NAME"][0].fullmatch(earlier):
        return f"{sentence}: NAME={earlier}"
    name = re.sub(r"[^a-z0-9-]", "-", earlier.lower()).lstrip("-") or "default"
    bucket = f"gs://{project}-videovector-state"
    return (
        f"{sentence}, and {earlier!r} is no valid NAME. If you deployed with it, rename its state: "
        f"`gcloud storage mv {bucket}/{earlier}/default.tfstate {bucket}/{name}/default.tfstate`; "
        f"then set NAME={name}"
    )
