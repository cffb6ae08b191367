"""`make readme`: generate the picture and the tables in `infra/README.md`.

Only tests import it. It imports nothing of the bridge, the stand-in or the local stack.
"""
