"""Tests of the commands `webhook ...`."""
