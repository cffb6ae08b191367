"""Tests of the checks of `make check`."""
