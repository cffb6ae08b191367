"""What a run must lead to, and what it led to. Imports nothing of the bridge's planner."""
