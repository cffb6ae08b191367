"""The cloud of the local stack: Google's emulators, or the embedded backend.

The stack, the oracle and the scenario import it; it imports processes, configuration and topology.
"""
