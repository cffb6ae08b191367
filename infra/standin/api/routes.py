"""The route table of the API."""

from infra.standin.api import markers, playground, stream, videos, webhooks
from infra.standin.http.pipeline import Endpoint

API_ENDPOINTS = (
    Endpoint("GET", "/processing/events/stream", "read", stream=stream.serve),
    Endpoint("GET", "/markers", "read", markers.list_markers),
    Endpoint("PUT", "/markers", "write", markers.put_marker),
    Endpoint("DELETE", "/markers/{marker_id}", "admin", markers.delete_marker),
    Endpoint("POST", "/videos/signed-url", "read", videos.sign_url),
    Endpoint("POST", "/videos/batch", "read", videos.retrieve_batch),
    Endpoint("POST", "/videos/batch/status", "read", videos.retrieve_batch_status),
    Endpoint("POST", "/videos/batch/segments", "read", videos.retrieve_batch_segments),
    Endpoint("GET", "/videos/segments/{segment_id}/thumbnail", "read", videos.get_thumbnail),
    Endpoint("GET", "/videos/{video_id}/gif", "read", videos.get_gif),
    Endpoint("GET", "/playground/videos", "read", playground.list_videos),
    Endpoint("POST", "/playground/search", "search", playground.search_text),
    Endpoint("POST", "/search/filter/playground", "search", playground.search_by_filter),
    Endpoint("POST", "/webhooks", "write", webhooks.create),
    Endpoint("GET", "/webhooks", "read", webhooks.list_webhooks),
    # Before the routes with {webhook_id}, which would match these paths.
    Endpoint("GET", "/webhooks/events", "read", webhooks.list_events),
    Endpoint("GET", "/webhooks/deliveries/{delivery_id}", "read", webhooks.get_delivery),
    Endpoint("POST", "/webhooks/deliveries/{delivery_id}/retry", "write", webhooks.retry_delivery),
    Endpoint("GET", "/webhooks/{webhook_id}", "read", webhooks.get),
    Endpoint("PATCH", "/webhooks/{webhook_id}", "write", webhooks.update),
    Endpoint("DELETE", "/webhooks/{webhook_id}", "admin", webhooks.delete),
    Endpoint("POST", "/webhooks/{webhook_id}/rotate-secret", "write", webhooks.rotate_secret),
    Endpoint("POST", "/webhooks/{webhook_id}/test", "write", webhooks.send_test),
    Endpoint("GET", "/webhooks/{webhook_id}/deliveries", "read", webhooks.list_deliveries),
)
MEDIA_ENDPOINT = Endpoint("GET", "/media", None, videos.download)
