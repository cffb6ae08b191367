"""Does each channel work? The scheduled function `canary`, which tells silence from failure.

`main.py` imports its entry point, from `endpoint`.
"""
