"""Tests of `watch.status`, without I/O."""
