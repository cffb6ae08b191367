"""The commands `videovector-bridge webhook ...`."""
