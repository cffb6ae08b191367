"""Tests of `watch.canary`, without I/O."""
