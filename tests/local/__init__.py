"""Pieces of the local stack that start processes, open sockets or store in SQLite."""
