"""Runs: their plan, their progress over time, and their status. No I/O.

Imported by the state and the layers above it.
"""
