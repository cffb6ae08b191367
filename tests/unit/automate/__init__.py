"""Tests of automate."""
