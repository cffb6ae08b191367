"""The control plane under /_standin/, and its client.

The application imports the routes. Tests and the local stack use the client, from the package's
door. Neither is part of the vendor's API.
"""
