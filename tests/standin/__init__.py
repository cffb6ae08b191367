"""Tests of the stand-in over real HTTP: its API, its faults, its process."""
