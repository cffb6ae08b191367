"""Tests of automate/check."""
