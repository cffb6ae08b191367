"""The local stack: the whole bridge on one machine. Only tests import it.

Its rooms, in import order: `scenario` (what happens in `make run`) and `view` (what people and
scripts see of it), `oracle` (expected and observed effects), `clouds` (emulators or the embedded
backend), `processes` (functions and the stand-in).
"""
