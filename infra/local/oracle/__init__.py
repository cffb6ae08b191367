"""The expected effects of a run, and the comparison with what is observed.

`scenario` and `view` import it. It imports nothing of the bridge's planner, which it checks.
"""
