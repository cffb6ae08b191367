"""Unit tests of `tests.acceptance`."""
