"""The command `videovector-bridge automations filters`: the filter of each subscription."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.automate.automations.filters import derive_filters
from videovector_bridge.automate.mistakes import did_you_mean
from videovector_bridge.cli import options
from videovector_bridge.cli.context import CommandContext
from videovector_bridge.cli.errors import FAILED
from videovector_bridge.cli.input_files import File, read_chosen_file, read_text
from videovector_bridge.cli.output import print_json, print_message, print_table
from videovector_bridge.errors import SettingsError


def filters_command(
    ctx: typer.Context,
    *,
    file: File = "",
    topology: Annotated[
        str,
        typer.Option(
            "--topology",
            metavar="FILE",
            help="Compare with the subscriptions in this topology.json; status 1 if one differs.",
        ),
    ] = "",
    write: Annotated[
        bool, typer.Option("--write", help="Write the filters into the topology instead.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Show the filter of each action's subscription, which passes only events that it needs.

    Pub/Sub cannot change the filter of a subscription: deploying another filter replaces the
    subscription.
    """
    if write and not topology:
        raise SettingsError(["--write needs --topology FILE"])
    needed = derive_filters(read_chosen_file(file, ctx.ensure_object(CommandContext).environ))
    deployed = _read_topology(topology) if topology else {}
    stale = sorted(
        name for name, subscription in deployed.items() if subscription["filter"] != needed[name]
    )
    if as_json:
        print_json({"filters": needed, "stale": stale})
    else:
        print_table(("action", "filter"), [(name, text or "all") for name, text in needed.items()])
        for name in stale:
            result = "now has" if write else "has another filter than"
            subscription = deployed[name]["subscription"]
            print_message(f"{topology}: subscription {subscription} {result} the one above.")
    if write and stale:
        _write(Path(topology), deployed, needed)
    elif stale:
        print_message("`--write` writes the filters into the topology.")
        raise typer.Exit(FAILED)


def _read_topology(file: str) -> dict[str, dict[str, str]]:
    """Return the subscription and its filter for each action of a topology."""
    try:
        topology = json.loads(read_text(file))
        actions = {
            name: function["action"]
            for name, function in topology["functions"].items()
            if "action" in function
        }
        problems = list(_check_actions(file, actions))
        if not problems:
            return {
                actions[subscription["function"]]: {
                    "subscription": name,
                    "filter": subscription.get("filter", ""),
                }
                for name, subscription in topology["subscriptions"].items()
                if subscription.get("function") in actions
            }
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise SettingsError([f"{file!r} is not a topology: {error!r}"]) from None
    raise SettingsError(problems)


def _check_actions(file: str, actions: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the action of each function, by the function's name."""
    for function, action in actions.items():
        if not isinstance(action, str) or action not in ACTIONS:
            fix = did_you_mean(action, ACTIONS)
            yield (
                f"{file!r}: function {function!r} has the action {action!r}, which is not known; "
                f"known are {', '.join(ACTIONS)}{fix and f'; {fix}'}"
            )


def _write(
    file: Path, deployed: Mapping[str, Mapping[str, str]], needed: Mapping[str, str]
) -> None:
    topology = json.loads(file.read_text(encoding="utf-8"))
    for action, subscription in deployed.items():
        topology["subscriptions"][subscription["subscription"]]["filter"] = needed[action]
    text = json.dumps(topology, indent=2, ensure_ascii=False)
    file.write_text(text + "\n", encoding="utf-8")
