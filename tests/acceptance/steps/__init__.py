"""The steps of an acceptance run, a file per topic; `courses.py` has their order."""
