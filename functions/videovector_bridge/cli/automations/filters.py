"""The command `videovector-bridge automations filters`: what wakes each subscriber."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.automate.automations.filters import filters
from videovector_bridge.automate.mistakes import did_you_mean
from videovector_bridge.cli import options
from videovector_bridge.cli.automations.automations_file import File, read_chosen
from videovector_bridge.cli.exits import FAILED
from videovector_bridge.cli.input import read_text
from videovector_bridge.cli.output import show_json, show_table, tell
from videovector_bridge.errors import SettingsError


def filters_command(
    *,
    file: File = "",
    topology: Annotated[
        str,
        typer.Option(
            "--topology",
            metavar="FILE",
            help="Compare with the subscriptions in this topology.json; 1 if one is not as needed.",
        ),
    ] = "",
    write: Annotated[
        bool, typer.Option("--write", help="Put the filters into the topology instead.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Show the filter of each action's subscription, so that nothing is woken for nothing.

    A filter of a subscription that exists cannot be changed: deploying another one replaces the
    subscription.
    """
    if write and not topology:
        raise SettingsError(["--write needs --topology FILE, to say where to"])
    needed = filters(read_chosen(file))
    there = _there(topology) if topology else {}
    stale = sorted(name for name, found in there.items() if found["filter"] != needed[name])
    if as_json:
        show_json({"filters": needed, "stale": stale})
    else:
        show_table(("action", "filter"), [(name, text or "all") for name, text in needed.items()])
        for name in stale:
            done = "now has" if write else "has another filter than"
            tell(f"{topology}: subscription {there[name]['subscription']} {done} the one above.")
    if write and stale:
        _write(Path(topology), there, needed)
    elif stale:
        tell("`--write` puts them in.")
        raise typer.Exit(FAILED)


def _there(file: str) -> dict[str, dict[str, str]]:
    """Each action's subscription and its filter, as a topology has them."""
    try:
        found = json.loads(read_text(file))
        actions = {
            name: each["action"] for name, each in found["functions"].items() if "action" in each
        }
        problems = list(_unknown_actions(file, actions))
        if not problems:
            return {
                actions[each["function"]]: {"subscription": name, "filter": each.get("filter", "")}
                for name, each in found["subscriptions"].items()
                if each.get("function") in actions
            }
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise SettingsError([f"{file!r} is no topology: {error!r}"]) from None
    raise SettingsError(problems)


def _unknown_actions(file: str, actions: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the action of each function, by the function's name."""
    for function, action in actions.items():
        if not isinstance(action, str) or action not in ACTIONS:
            fix = did_you_mean(action, ACTIONS)
            yield (
                f"{file!r}: function {function!r} has the action {action!r}, which is not known; "
                f"known are {', '.join(ACTIONS)}{fix and f'; {fix}'}"
            )


def _write(file: Path, there: Mapping[str, Mapping[str, str]], needed: Mapping[str, str]) -> None:
    topology = json.loads(file.read_text(encoding="utf-8"))
    for action, found in there.items():
        topology["subscriptions"][found["subscription"]]["filter"] = needed[action]
    text = json.dumps(topology, indent=2, ensure_ascii=False)
    file.write_text(text + "\n", encoding="utf-8")
