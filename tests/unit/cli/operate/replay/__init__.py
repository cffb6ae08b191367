"""Tests of the command `replay`, without I/O."""
