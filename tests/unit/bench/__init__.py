"""Tests of the pure parts of `tests/bench`."""
