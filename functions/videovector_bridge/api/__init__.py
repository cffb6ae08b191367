"""The client of the VideoVector API: requests, errors, retries, and the event stream.

`ingest`, `automate` and `cli` import it; it imports settings and the modules beside it. Here are
the errors and retries. Import the rest by module, because no function needs all: `client`, `models`
(what the client returns), `stream` (event stream), `webhooks` (management of webhooks).
"""

from videovector_bridge.api.errors import (
    ApiError,
    Conflict,
    CredentialRefused,
    NotFound,
    RateLimited,
    Redirected,
    RequestRefused,
    ResponseTooLarge,
    ScopeRefused,
    ServerTrouble,
    UnexpectedResponse,
    Unreachable,
    ValidationRefused,
    error_from_response,
)
from videovector_bridge.api.retry import RetryPolicy

__all__ = [
    "ApiError",
    "Conflict",
    "CredentialRefused",
    "NotFound",
    "RateLimited",
    "Redirected",
    "RequestRefused",
    "ResponseTooLarge",
    "RetryPolicy",
    "ScopeRefused",
    "ServerTrouble",
    "UnexpectedResponse",
    "Unreachable",
    "ValidationRefused",
    "error_from_response",
]
