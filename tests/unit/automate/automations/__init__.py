"""Tests of automate/automations."""
