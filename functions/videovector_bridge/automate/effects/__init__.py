"""Effects that converge: records of targets, and the steps of a handler on them.

Knows documents and errors; of actions only that they apply a state.
"""
