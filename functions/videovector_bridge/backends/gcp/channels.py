"""gRPC channels: to Google with its credentials, or to an emulator on the local machine."""

import os
from typing import Any

import grpc
from google.auth import exceptions as auth_errors

from videovector_bridge.errors import BackendError

OPTIONS = [
    # Pub/Sub, not gRPC's default of 4 MB, limits the size of a request (10 MB).
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # Detects a silent peer within 30 + 10 s, not after the kernel's 15 minutes.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # gRPC's default is up to two minutes between connection attempts; a window has 20 seconds.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
]


def open_transport(transport: Any, emulator_variable: str, endpoint: str = "") -> Any:
    """Return an instance of the generated `transport` class, for its service or its emulator.

    `emulator_variable` names the environment variable with the emulator's `host:port`. Without an
    emulator, `endpoint` is the host of the service; empty: the service's global one. Raises
    `BackendError` without an emulator and without credentials.
    """
    emulator = os.environ.get(emulator_variable)
    if emulator:
        return transport(host=emulator, channel=grpc.insecure_channel(emulator, options=OPTIONS))
    try:
        channel = transport.create_channel(endpoint or transport.DEFAULT_HOST, options=OPTIONS)
    except auth_errors.GoogleAuthError as error:
        raise BackendError(
            "There are no Google Cloud credentials here: run as a service account, or "
            f"`gcloud auth application-default login`, or set {emulator_variable} to use an "
            f"emulator. ({error})"
        ) from error
    return transport(channel=channel)
