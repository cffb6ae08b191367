"""What people and scripts see of a run: a live table, and the report at its end."""
