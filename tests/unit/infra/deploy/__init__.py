"""Unit tests of `infra.deploy`: settings, and decisions over recorded plans and states."""
