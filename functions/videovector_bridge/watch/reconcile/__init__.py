"""Which events never came? The scheduled function `reconcile`, which publishes them.

`main.py` imports its entry point, from `endpoint`.
"""
