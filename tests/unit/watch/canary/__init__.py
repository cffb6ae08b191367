"""Tests of `watch.canary.endpoint`, without I/O."""
