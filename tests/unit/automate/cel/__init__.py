"""Tests of automate/cel."""
