"""The local stack: the whole bridge on one machine. Only tests import it.

Its rooms, in import order: `scenario` (the course of `make run`) and `view` (output for people and
scripts), `oracle` (expected and observed effects), `clouds` (emulators or the embedded backend),
`processes` (functions and the stand-in). It imports the bridge, and the stand-in by its door.
"""
