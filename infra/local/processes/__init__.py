"""Child processes: the functions with their supervisor, and the stand-in API.

The stack, the clouds and the scenario import it; it imports no other room of the local stack.
"""
