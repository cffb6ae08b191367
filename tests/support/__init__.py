"""Helpers that several kinds of tests share. Only tests import them; nothing here is a test."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The folder of the project."""
