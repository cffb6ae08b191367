"""Tests of the cost planner, without I/O apart from the files that it reads."""
