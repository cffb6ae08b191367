"""`make check`: rules that need no run of the code. Only `tests/unit/checks` imports it.

Each rule is a function that returns its findings; none of them changes a file.
"""
