"""Tests of the command `tail`, without I/O."""
