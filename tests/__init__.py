"""The tests, what runs them, and what they share."""
