"""Builds that fail, of an update and of a function that did not exist before."""

import copy
from typing import Any

from tests.acceptance.bridge import Bridge, check
from tests.acceptance.cloud import Cloud
from tests.acceptance.steps.deploying import FUNCTION

_UPDATED = "upsert-markers"
_FRESH = "more-searches"
_ADDRESSES = frozenset(f'module.bridge.{FUNCTION}.this["{name}"]' for name in (_UPDATED, _FRESH))


def fail_builds(bridge: Bridge[Cloud]) -> str:
    """Failed builds of an update and of a new function fail the apply; the next plan has both."""
    bridge.workspace.edit_topology(_add_function)
    main = bridge.workspace.functions / "main.py"
    main.write_text(main.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
    names = [bridge.prefix + name for name in (_UPDATED, _FRESH)]
    bridge.cloud.break_builds(bridge.workspace.functions, names)
    report = bridge.apply_to_fail()
    failures = [
        f"{address} failed: {'; '.join(report.errors)}"
        for address in sorted(report.failed_addresses)
        if FUNCTION not in address
    ]
    failures += [
        f"the apply did not report that {address} failed"
        for address in sorted(_ADDRESSES - report.failed_addresses)
    ]
    plan = bridge.workspace.plan(bridge.variables)
    failures += plan.errors
    failures += [
        f"the plan after the failure does not change {address}"
        for address in sorted(_ADDRESSES - {change.address for change in plan.changes})
    ]
    check(failures)
    return f"{len(report.failed_addresses)} functions failed"


def recover_builds(bridge: Bridge[Cloud]) -> None:
    """Applying again repairs failed builds: every function runs the source, the plan is empty."""
    bridge.cloud.repair_builds(bridge.workspace.functions)
    bridge.apply()
    bridge.check_functions_run()
    bridge.check_empty_plan()


def _add_function(topology: dict[str, Any]) -> None:
    functions = topology["functions"]
    functions[_FRESH] = copy.deepcopy(functions["run-searches"])
