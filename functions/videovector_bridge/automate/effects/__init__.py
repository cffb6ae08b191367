"""Effects that converge: records of targets, and the steps of a handler on them.

This package uses the document store. It knows nothing of events, automations and actions: they
import it.
"""
