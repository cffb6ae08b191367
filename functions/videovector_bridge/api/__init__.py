"""The client of the VideoVector API: requests, errors, retries, and the event stream.

`ingest`, `automate` and `cli` import it; it imports settings and the modules beside it. Import
`stream` (event stream) and `webhooks` (management of webhooks) by name: few functions need them.
"""

from videovector_bridge.api.client import VideoVectorClient
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
from videovector_bridge.api.models import (
    Delivery,
    JsonObject,
    Marker,
    Media,
    NewSecret,
    SegmentsTarget,
    SentTest,
    SignedUrl,
    Webhook,
)
from videovector_bridge.api.retry import RetryPolicy

__all__ = [
    "ApiError",
    "Conflict",
    "CredentialRefused",
    "Delivery",
    "JsonObject",
    "Marker",
    "Media",
    "NewSecret",
    "NotFound",
    "RateLimited",
    "Redirected",
    "RequestRefused",
    "ResponseTooLarge",
    "RetryPolicy",
    "ScopeRefused",
    "SegmentsTarget",
    "SentTest",
    "ServerTrouble",
    "SignedUrl",
    "UnexpectedResponse",
    "Unreachable",
    "ValidationRefused",
    "VideoVectorClient",
    "Webhook",
    "error_from_response",
]
