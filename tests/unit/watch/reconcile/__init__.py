"""Tests of `watch.reconcile`, without I/O."""
