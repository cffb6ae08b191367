"""Tests of the commands `rejected` and `dead-letters`."""
