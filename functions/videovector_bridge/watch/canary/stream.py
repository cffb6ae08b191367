"""Decide whether a stream is alive, from its document and from listening to it. Pure.

VideoVector sends heartbeats while a stream has no events, so a quiet stream is alive. A window may
end before the first heartbeat; then the canary listens itself before it reports silence.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from videovector_bridge.api.stream import Hearing
from videovector_bridge.events import parse_time
from videovector_bridge.pause import parse_pause
from videovector_bridge.redact import clean_text
from videovector_bridge.watch.canary.report import ChannelReport, State

COLLECTION: Final = "streams"

# A new stream may have a killed window or two before the first one ends.
_FIRST_WINDOWS: Final = 3
_LONGEST_BACKOFF: Final = timedelta(hours=2)
_REFUSED_KEY: Final = ("credential_refused", "scope_refused")
_NOT_DRAINED: Final = (
    "Check the job of the stream in Cloud Scheduler and the log of `drain`: see `A stream is not "
    "drained` in docs/operating.md."
)


def judge_document(
    name: str,
    fields: Mapping[str, Any] | None,
    age_seconds: float,
    *,
    now: datetime,
    bound_seconds: float,
) -> ChannelReport | None:
    """Return the report about a stream, or None if the canary must listen to it.

    `fields` are those of its document, written `age_seconds` ago; None without a document. The
    stream may send nothing for `bound_seconds`.
    """
    bound = timedelta(seconds=bound_seconds)
    if fields is None:
        return _report(name, "absent", "no_window", "No window of the stream has run.")
    if pause := parse_pause(fields):
        what_to_do = f"Resume it with `videovector-bridge resume {name}`."
        return _report(name, "paused", "paused", f"The stream is {pause}.", what_to_do)
    alive_at = parse_time(fields.get("alive_at"))
    if alive_at is not None and abs(now - alive_at) <= bound:
        seconds = max(0.0, (now - alive_at).total_seconds())
        return _report(
            name,
            "alive",
            "recent",
            f"VideoVector sent an event or a heartbeat {seconds:.0f} s ago.",
        )
    not_before = parse_time(fields.get("not_before"))
    if not_before is not None and now < not_before <= now + _LONGEST_BACKOFF:
        detail = f"VideoVector asked for no request before {_format(not_before)}."
        return _report(name, "unknown", "backing_off", detail)
    return _judge_last_window(name, fields, age_seconds, now, bound)


def _judge_last_window(
    name: str, fields: Mapping[str, Any], age_seconds: float, now: datetime, bound: timedelta
) -> ChannelReport | None:
    window = fields.get("last_window")
    window = window if isinstance(window, Mapping) else {}
    ended_at = parse_time(window.get("ended_at"))
    if ended_at is None or now - ended_at > bound:
        windows = fields.get("windows")
        if ended_at is None and isinstance(windows, int) and windows <= _FIRST_WINDOWS:
            return _report(name, "absent", "first_window", "No window of the stream has ended yet.")
        since = f"since {_format(ended_at)}" if ended_at else "yet"
        if age_seconds <= bound.total_seconds():
            detail = f"No window has ended {since}, although windows begin."
            return _report(name, "unknown", "windows_do_not_end", detail, _NOT_DRAINED)
        return _report(name, "dead", "not_drained", f"No window has ended {since}.", _NOT_DRAINED)
    if window.get("outcome") != "failed":
        return None
    reason, message = (
        clean_text(str(window.get(key)), limit=1_000) for key in ("stop_reason", "message")
    )
    detail = f"Windows fail, and nothing has arrived since {_last_sign(fields)}: {message}"
    state: State = "unknown" if reason in _REFUSED_KEY else "dead"
    what_to_do = f"Look `{reason}` up in the section `drain` of docs/operating.md."
    return _report(name, state, reason, detail, what_to_do)


def judge_hearing(
    name: str, fields: Mapping[str, Any], hearing: Hearing, *, silent_seconds: float
) -> ChannelReport:
    """Return the report about a stream that the canary listened to, `silent_seconds` at most."""
    since = f"Windows have met neither event nor heartbeat since {_last_sign(fields)}"
    match hearing:
        case "no_content":
            return _report(name, "alive", "no_content", "VideoVector has nothing to send (204).")
        case "heard":
            detail = f"{since}, but the canary has: windows end before the first heartbeat."
            return _report(name, "alive", "heard", detail)
        case "closed":
            detail = f"{since}. VideoVector closed the canary's connection without sending any."
            return _report(name, "unknown", "closed", detail)
    return _report(
        name,
        "dead",
        "silent",
        f"{since}, nor has the canary in {silent_seconds:g} s. VideoVector accepts the request.",
        "Report it to VideoVector. If its heartbeats are rarer, raise HEARTBEAT_SECONDS.",
    )


def report_unheard(name: str, reason: str, problem: str) -> ChannelReport:
    """Return the report about a stream that the canary could not listen to."""
    detail = f"The canary could not listen to the stream. {problem}"
    return _report(name, "unknown", reason, detail)


def _last_sign(fields: Mapping[str, Any]) -> str:
    alive_at = parse_time(fields.get("alive_at"))
    return _format(alive_at) if alive_at else "the beginning"


def _format(time: datetime) -> str:
    return time.isoformat(timespec="seconds")


def _report(
    name: str, state: State, reason: str, detail: str, what_to_do: str = ""
) -> ChannelReport:
    return ChannelReport(f"stream:{name}", state, reason, detail, what_to_do)
