"""Events come in: publish them from the event stream, window by window, and from webhooks.

Entry points: `drain` and `webhook`. Imports `api`, `backends` and what is below; nothing but
`main.py` imports this package.
"""
