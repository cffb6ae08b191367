"""Is everything well? Four rooms, none of which imports another.

`main.py` imports the entry points of `canary` and `reconcile`, and `cli` the assessments of
`status` and `doctor`. They import `api`, `messages` and `backends`, never `ingest` or `automate`.
"""
