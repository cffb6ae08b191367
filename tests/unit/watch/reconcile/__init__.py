"""Tests of `watch.reconcile.endpoint`, without I/O."""
