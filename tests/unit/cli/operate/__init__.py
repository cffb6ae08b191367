"""Tests of the commands that operate a deployment."""
