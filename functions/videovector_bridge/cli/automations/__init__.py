"""The commands `videovector-bridge automations ...`."""
