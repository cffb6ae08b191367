"""Tests of `watch.doctor`, without I/O."""
