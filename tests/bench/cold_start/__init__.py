"""How long a function takes to start, run by `python -m tests.bench.cold_start`. No tests."""
