"""Checks of an automations file beyond those of its reader. Only the command line imports it."""
