"""Decide whether a webhook is alive, from its record and from a test delivery. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from videovector_bridge.api.bridge_webhooks import find_bridge_name, select_webhooks
from videovector_bridge.api.errors import ApiError, ScopeRefused, needed_scope
from videovector_bridge.api.models import SentTest, Webhook
from videovector_bridge.pause import Pause
from videovector_bridge.watch.canary.report import ChannelReport, State

_DEADLINE: Final = "within the time of the canary"
_ENSURE: Final = (
    "Run `videovector-bridge webhook ensure`, which creates, corrects and activates it."
)
_ROTATE: Final = (
    "Run `videovector-bridge webhook rotate` with the store that the receiver reads, and check its "
    "WEBHOOK_IDS."
)
_LOG: Final = "Read `webhook.*` in the log of receive-webhook."
# By the status of the receiver: a stable word, what it means, and what to do.
_REFUSALS: Final[Mapping[int, tuple[str, str, str]]] = {
    401: (
        "wrong_secret",
        "its secrets or WEBHOOK_IDS are not this webhook's",
        _ROTATE,
    ),
    403: (
        "not_public",
        "it may not be called without authentication",
        "Grant allUsers roles/run.invoker on receive-webhook: `make deploy` restores it.",
    ),
    404: (
        "wrong_url",
        "there is no function at the URL of the webhook",
        "Run `videovector-bridge webhook ensure --url URL` with that of receive-webhook.",
    ),
    429: (
        "no_instance",
        "it has no free instance",
        "Raise `max_instances` of receive-webhook.",
    ),
    503: ("unavailable", "it could not publish, or has no secret", _LOG),
}
_SLOW_STATUSES: Final = (408, 425, 429)


def choose_webhooks(
    webhooks: Iterable[Webhook], names: Sequence[str]
) -> tuple[dict[str, Webhook], list[ChannelReport]]:
    """Return the webhooks to test by the bridge's name, and the reports that need no test.

    `names` are those to test; empty: all of the bridge. Of several with one name, the one that
    `webhook ensure` keeps is tested.
    """
    webhooks = list(webhooks)
    registered = {name for webhook in webhooks if (name := find_bridge_name(webhook)) is not None}
    chosen: dict[str, Webhook] = {}
    reports = []
    for name in names or sorted(registered):
        candidates = select_webhooks(webhooks, name)
        if not candidates:
            detail = "VideoVector has no webhook of this name."
            reports.append(report(name, "absent", "not_registered", detail, _ENSURE))
        elif candidates[0].status in ("paused", "disabled"):
            reports.append(_report_inactive(name, candidates[0]))
        else:
            chosen[name] = candidates[0]
    if not names and not registered:
        detail = "VideoVector has no webhook of the bridge."
        reports.append(ChannelReport("webhook", "absent", "not_registered", detail))
    return chosen, reports


def report_paused(names: Iterable[str], pause: Pause) -> list[ChannelReport]:
    """Return the reports while an operator has paused the receiver."""
    what_to_do = "Resume it with `videovector-bridge resume webhook`."
    detail = f"The webhook channel is {pause}."
    return [report(name, "paused", "paused", detail, what_to_do) for name in names]


def report_unlisted(error: ScopeRefused) -> ChannelReport:
    """Return the report about all webhooks if the key may not list them."""
    return ChannelReport("webhook", "unknown", "no_scope", str(error), _scope_advice(error))


def may_change(sent: SentTest) -> bool:
    """Whether another test may have another result: the receiver did not refuse for good."""
    status = sent.status_code
    return not sent.success and (status is None or status >= 500 or status in _SLOW_STATUSES)


def may_arrive(sent: SentTest | ApiError) -> bool:
    """Whether the event of a test may arrive later: no refusal of the receiver is known."""
    if isinstance(sent, ApiError):
        return sent.outcome_unknown
    return sent.success or sent.status_code is None


def judge_test(
    name: str, sent: SentTest | ApiError, round_trip_seconds: float | None, *, topic: str
) -> ChannelReport:
    """Return the report about a webhook after its test.

    `sent` is what VideoVector reports about the delivery. `round_trip_seconds` is None if the event
    did not arrive on `topic`.
    """
    if round_trip_seconds is not None:
        return _report_arrival(name, sent, round_trip_seconds)
    if isinstance(sent, ScopeRefused):
        return report(name, "unknown", "no_scope", str(sent), _scope_advice(sent))
    if isinstance(sent, ApiError):
        detail = f"VideoVector did not confirm the test delivery. {sent}"
        return report(name, "unknown", sent.code, detail)
    if not sent.success:
        return _report_refusal(name, sent)
    detail = (
        f"The receiver accepted the test delivery ({sent.status_code}), but its event was not "
        f"on topic {topic!r} {_DEADLINE}."
    )
    what_to_do = (
        f"{_LOG} Check that the receiver publishes to this topic, and that CANARY_SUBSCRIPTION "
        "is a subscription of it."
    )
    return report(name, "dead", "late", detail, what_to_do)


def _report_refusal(name: str, sent: SentTest) -> ChannelReport:
    if sent.status_code is None:
        why = sent.error or "VideoVector does not say why"
        detail = f"VideoVector had no response from the receiver: {why}."
        what_to_do = f"Check the URL of the webhook and whether receive-webhook runs. {_LOG}"
        return report(name, "dead", "no_response", detail, what_to_do)
    reason, meaning, what_to_do = _REFUSALS.get(
        sent.status_code, ("refused", "it did not accept the delivery", _LOG)
    )
    detail = f"The receiver returned {sent.status_code} to the test delivery: {meaning}."
    return report(name, "dead", reason, detail, what_to_do)


def _report_arrival(name: str, sent: SentTest | ApiError, seconds: float) -> ChannelReport:
    if isinstance(sent, SentTest) and sent.success:
        detail = f"The event of a test delivery was published after {seconds:.1f} s."
        return report(name, "alive", "delivered", detail, seconds=seconds)
    detail = (
        f"The event of a test delivery was published after {seconds:.1f} s, but VideoVector did "
        "not see the receiver accept it in time."
    )
    return report(name, "alive", "slow", detail, _LOG, seconds=seconds)


def _report_inactive(name: str, webhook: Webhook) -> ChannelReport:
    if webhook.status == "paused":
        detail = "The webhook is paused at VideoVector."
        return report(name, "paused", "paused_at_videovector", detail, _ENSURE)
    detail = f"VideoVector disabled the webhook after failed deliveries ({webhook.failure_count})."
    return report(name, "dead", "disabled", detail, f"{_LOG} Then: {_ENSURE}")


def _scope_advice(error: ScopeRefused) -> str:
    return (
        f"Store an API key with the scope `{needed_scope(error.method, error.path)}`; until then "
        "the canary cannot test webhooks."
    )


def report(
    name: str,
    state: State,
    reason: str,
    detail: str,
    what_to_do: str = "",
    *,
    seconds: float | None = None,
) -> ChannelReport:
    """Return the report about the webhook of the bridge's name `name`."""
    rounded = None if seconds is None else round(seconds, 3)
    return ChannelReport(f"webhook:{name}", state, reason, detail, what_to_do, rounded)
