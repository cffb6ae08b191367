"""The cloud of the local stack: Google's emulators, or the embedded backend."""
