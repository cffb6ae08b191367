"""Tests of automate/actions."""
