"""The endpoints under /api/v2: one module for each chapter of the vendor's API reference.

Imported by the application only. A handler takes the state and the request, and returns a response.
"""
