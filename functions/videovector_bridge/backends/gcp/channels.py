"""gRPC channels: to Google with its credentials, or to an emulator on the local machine."""

import os
from typing import Any

import grpc
from google.auth import exceptions as auth_errors

from videovector_bridge.errors import BackendError

OPTIONS = [
    # Requests are 10 MB at most, and Pub/Sub (not gRPC's 4 MB default) is to be the judge of that.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # A silent peer is noticed within 30 + 10 s, not after the kernel's 15 minutes.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # gRPC would wait up to two minutes between connection attempts; a window lasts 50 seconds.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
]


def open_transport(transport: Any, emulator_variable: str) -> Any:
    """Return a generated gRPC `transport` class connected to its service, or to the emulator.

    The emulator is `host:port` in the environment variable. Raises `BackendError` if Google is
    meant and there are no credentials.
    """
    emulator = os.environ.get(emulator_variable)
    if emulator:
        return transport(host=emulator, channel=grpc.insecure_channel(emulator, options=OPTIONS))
    try:
        channel = transport.create_channel(transport.DEFAULT_HOST, options=OPTIONS)
    except auth_errors.GoogleAuthError as error:
        raise BackendError(
            "There are no Google Cloud credentials here: run as a service account, or "
            f"`gcloud auth application-default login`, or set {emulator_variable} to use an "
            f"emulator. ({error})"
        ) from error
    return transport(channel=channel)
