"""All that talks to VideoVector. The event stream is apart, in `stream`: few functions need it."""

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
from videovector_bridge.api.models import JsonObject, Marker, Media, SegmentsTarget, SignedUrl
from videovector_bridge.api.retry import RetryPolicy

__all__ = [
    "AnswerTooLarge",
    "ApiError",
    "Conflict",
    "CredentialRefused",
    "JsonObject",
    "Marker",
    "Media",
    "NotFound",
    "RateLimited",
    "Redirected",
    "RequestRefused",
    "RetryPolicy",
    "ScopeRefused",
    "SegmentsTarget",
    "ServerTrouble",
    "SignedUrl",
    "UnexpectedAnswer",
    "Unreachable",
    "ValidationRefused",
    "VideoVectorClient",
    "error_from_response",
]
