"""Benchmarks of the bridge, run by `make bench`. They are not tests.

No test depends on speed; one test of memory uses `row`.
"""
