"""Tests of the command line that do no I/O, apart from files."""
