"""The automations file: its reader, its schema, and the filters that follow from it."""
