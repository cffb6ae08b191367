"""Videos, their media, markers and signed URLs. No I/O.

Imported by `runs`, the state and the layers above it.
"""
