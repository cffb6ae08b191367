"""The command `videovector-bridge doctor`."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.text import Text

from videovector_bridge.cli import options
from videovector_bridge.cli.concurrently import Failure, run_concurrently
from videovector_bridge.cli.context import CommandContext
from videovector_bridge.cli.errors import FAILED
from videovector_bridge.cli.input_files import FILE_HELP
from videovector_bridge.cli.operate.doctor import api_checks, cloud_checks, grant_checks
from videovector_bridge.cli.operate.doctor.context import CheckContext
from videovector_bridge.cli.output import WIDE, print_json
from videovector_bridge.cli.target import Local, Prefix, Project, open_target
from videovector_bridge.errors import SettingsError
from videovector_bridge.redact import redact
from videovector_bridge.watch.doctor.finding import STATES, Finding, sort_findings

EPILOG: Final = (
    "Example: videovector-bridge doctor --project my-project --only key. Exit status: 0 nothing is "
    "wrong, although some may not be checked; 1 something is wrong; 2 wrong usage or settings, "
    "nothing was checked."
)
DEADLINE_SECONDS: Final = 45.0

Check = Callable[[CheckContext], Iterator[Finding]]
CHECKS: Final[dict[str, Check]] = {
    "reachable": api_checks.check_reachable,
    "key": api_checks.check_key,
    "scopes": api_checks.check_scopes,
    "clock": api_checks.check_clock,
    "webhook": api_checks.check_webhook,
    "topics": cloud_checks.check_topics,
    "subscriptions": cloud_checks.check_subscriptions,
    "firestore": cloud_checks.check_firestore,
    "ttl": cloud_checks.check_ttl,
    "buckets": cloud_checks.check_buckets,
    "secrets": cloud_checks.check_secrets,
    "grants": grant_checks.check_grants,
    "accounts": grant_checks.check_accounts,
    "versions": cloud_checks.check_versions,
}
_STYLES: Final = {"wrong": "bold red", "not checked": "yellow", "ok": "green"}


def doctor_command(
    ctx: typer.Context,
    *,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="NAME", help=f"Only this check: {', '.join(CHECKS)}."),
    ] = None,
    automations: Annotated[str, typer.Option("--automations", metavar="FILE", help=FILE_HELP)] = "",
    project: Project = "",
    prefix: Prefix = "",
    local: Local = False,
    as_json: options.Json = False,
) -> None:
    """Check every precondition of the bridge: API key, topics, grants, secrets, clocks, versions.

    One line each, with the fix. It changes nothing, except that it writes, reads and deletes one
    document of collection `probes`. To test that deliveries arrive, run `webhook test`.
    """
    environ = ctx.ensure_object(CommandContext).environ
    unknown = [name for name in only or () if name not in CHECKS]
    problems = [f"--only {name!r} is no check; checks are {', '.join(CHECKS)}" for name in unknown]
    try:
        target = open_target(environ, project=project, prefix=prefix, local=local)
    except SettingsError as error:
        raise SettingsError([*problems, *error.problems]) from None
    if problems:
        raise SettingsError(problems)
    context = CheckContext(target, automations, environ)
    if automations:
        _ = context.automations  # raises if it cannot be read
    findings = sort_findings(list(run_checks(context, only or list(CHECKS))))
    if target.is_local:
        # Nothing is deployed there: a new local stack has all that is missing.
        findings = [
            (name, replace(each, fix=each.fix.replace("make deploy", "make serve")))
            for name, each in findings
        ]
    wrong = sum(finding.state == "wrong" for _, finding in findings)
    if as_json:
        rows = [{"check": name, **asdict(finding)} for name, finding in findings]
        print_json({"target": target.name, "wrong": wrong, "findings": rows})
    else:
        console = Console(
            width=None if sys.stdout.isatty() else WIDE, highlight=False, soft_wrap=True
        )
        console.print(*render(target.name, findings), sep="\n")
    if wrong:
        raise typer.Exit(FAILED)


def run_checks(
    context: CheckContext, names: list[str], *, seconds: float = DEADLINE_SECONDS
) -> Iterator[tuple[str, Finding]]:
    """Yield every finding with the name of its check. All checks run at once."""
    tasks = {name: _task(CHECKS[name], context) for name in names}
    for name, result in run_concurrently(tasks, seconds).items():
        if isinstance(result, Failure):
            yield name, Finding("", "not checked", result.why)
        else:
            yield from ((name, finding) for finding in result)


def _task(check: Check, context: CheckContext) -> Callable[[], list[Finding]]:
    return lambda: list(check(context))


def render(target: str, findings: list[tuple[str, Finding]]) -> Iterator[Text]:
    """Yield the rows: a headline, each finding, and under a wrong one its fix."""
    counts = {state: sum(each.state == state for _, each in findings) for state in STATES}
    headline = ", ".join(f"{count} {state}" for state, count in counts.items())
    yield Text(f"{target}: {headline}", style="bold")
    names = [f"{name} {finding.subject}".rstrip() for name, finding in findings]
    width = max(map(len, names), default=0)
    for name, (_, finding) in zip(names, findings, strict=True):
        state = (f"{finding.state:<12}", _STYLES[finding.state])
        yield Text.assemble(state, f"{name:<{width}}  ", redact(finding.text))
        if finding.fix:
            yield Text(f"{'':12}-> {redact(finding.fix)}", style="dim")
