"""Tests of automate/effects."""
