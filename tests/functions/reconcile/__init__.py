"""`reconcile` in its host."""
