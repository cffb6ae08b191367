"""The path of an API request: credentials, rate limit, faults, idempotency, response.

Imported by `api` and the application. It imports the state, never a handler.
"""
