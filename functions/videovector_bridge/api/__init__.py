"""All that talks to VideoVector.

The event stream and the management of webhooks are apart, in `stream` and `webhooks`: few
functions need the one, and none the other.
"""

from videovector_bridge.api.client import VideoVectorClient
from videovector_bridge.api.errors import (
    AnswerTooLarge,
    ApiError,
    Conflict,
    CredentialRefused,
    NotFound,
    RateLimited,
    Redirected,
    RequestRefused,
    ScopeRefused,
    ServerTrouble,
    UnexpectedAnswer,
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
    "AnswerTooLarge",
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
    "RetryPolicy",
    "ScopeRefused",
    "SegmentsTarget",
    "SentTest",
    "ServerTrouble",
    "SignedUrl",
    "UnexpectedAnswer",
    "Unreachable",
    "ValidationRefused",
    "VideoVectorClient",
    "Webhook",
    "error_from_response",
]
