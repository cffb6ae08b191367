"""Bring targets to their desired state: records of targets, and the steps of a handler on them.

The rest of `automate` imports this package. It imports the document store and the errors of `api`,
but nothing about events, automations and actions.
"""
