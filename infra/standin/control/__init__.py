"""The control plane under /_standin/, and its client.

The routes are imported by the application, the client by whoever drives a stand-in. Neither is part
of the vendor's API.
"""
