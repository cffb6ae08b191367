"""Every state that `status` reports, with its severity and the first thing to do."""

from dataclasses import dataclass
from typing import Final, Literal

Severity = Literal["problem", "warning", "note", "ok"]
SEVERITIES: Final[tuple[Severity, ...]] = ("problem", "warning", "note", "ok")
"""The worst first. A `problem` needs a person."""


@dataclass(frozen=True, slots=True)
class State:
    """A state: its severity, the section of docs/operating.md, and the command that helps.

    The command may have `{name}`, `{url}`, `{project}`, `{prefix}` and `{region}`, the option
    `{secret}` that names the secret store, and the options `{target}` that name the deployment.
    `local` is another command for the local stack.
    """

    severity: Severity
    section: str = ""
    command: str = ""
    local: str = ""


_DOCTOR: Final = "videovector-bridge doctor {target}"
_WINDOWS: Final = (
    'gcloud logging read \'jsonPayload.event="drain.window_closed" AND '
    'jsonPayload.stream="{name}"\' --project={project} --limit=20'
)
_JOB: Final = (
    "gcloud scheduler jobs describe {prefix}drain-{name} --location={region} --project={project}"
)
_CHECK_JOB: Final = (
    "gcloud scheduler jobs describe {prefix}{name} --location={region} --project={project}"
)
_STACK: Final = "make serve"

STATES: Final = {
    "ok": State("ok"),
    "unreadable": State("problem", "status", _DOCTOR),
    # Streams
    "cursor_refused": State(
        "problem",
        "The cursor is refused",
        "make deploy",
        "videovector-bridge rewind {name} --to earliest {target}",
    ),
    "key_refused": State(
        "problem", "The API key is refused", "videovector-bridge doctor --only key {target}"
    ),
    "not_drained": State("problem", "A stream is not drained", _JOB, _STACK),
    "never_drained": State("problem", "A stream is not drained", _JOB, _STACK),
    "failing": State("problem", "Draining fails", _DOCTOR),
    "silent": State("problem", "A channel is dead", _DOCTOR),
    "late": State("problem", "Events are late", _WINDOWS, _DOCTOR),
    "window_failed": State("warning", "Draining fails", _DOCTOR),
    "paused": State("warning", "Pause and resume", "videovector-bridge resume {name} {target}"),
    "backing_off": State("note", "drain"),
    "window_died": State("note", "Processes of a function die"),
    "left_over": State("note", "status"),
    # The webhook channel
    "webhook_disabled": State(
        "problem", "Deliveries get 5xx", "videovector-bridge webhook ensure --url {url} {secret}"
    ),
    "webhook_elsewhere": State(
        "warning", "status", "videovector-bridge webhook ensure --url {url} {secret}"
    ),
    "webhook_of_others": State("note", "status"),
    "deliveries_failed": State(
        "warning",
        "Deliveries get 5xx",
        "videovector-bridge webhook deliveries --failed --retry --limit 1000",
    ),
    "channel_paused": State(
        "warning", "Pause and resume", "videovector-bridge resume webhook {target}"
    ),
    "no_webhook": State("note", "status"),
    # Messages
    "waiting": State("problem", "Messages wait for a function", _DOCTOR),
    "backlog_unknown": State("ok"),
    "dead_letters": State(
        "problem", "Redrive dead letters", "videovector-bridge dead-letters list {target}"
    ),
    "rejected": State(
        "warning", "Many messages are rejected", "videovector-bridge rejected list {target}"
    ),
    # What reconcile and canary do, and what they found
    "not_running": State("problem", "The checks fail", _CHECK_JOB, _STACK),
    "never_ran": State("warning", "The checks fail", _CHECK_JOB, _STACK),
    "not_scheduled": State("note", "status"),
    "unchecked": State("problem", "reconcile", _DOCTOR),
    "channel_dead": State("problem", "A channel is dead", _DOCTOR),
    "channel_unknown": State("note", "canary"),
    # Automations and functions
    "mistakes": State(
        "problem", "Wrong settings and bugs", "videovector-bridge automations check {name}"
    ),
    "doubts": State("warning", "status", "videovector-bridge automations check {name}"),
    "no_file": State("note", "status"),
    "unused": State("note", "status"),
    "other_source": State("warning", "status", "make deploy"),
}
