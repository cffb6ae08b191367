"""Is everything well? Notice events that never came, and tell silence from failure.

`main.py` imports the entry points, and `cli` the assessments. It imports `api`, `messages` and
`backends`, never `ingest` or `automate`.
"""
