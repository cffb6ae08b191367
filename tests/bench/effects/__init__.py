"""`python -m tests.bench.effects`: where the time between an event and its effect goes."""
