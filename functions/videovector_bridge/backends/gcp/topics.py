"""Publishing to Pub/Sub: whole requests through the generated client."""

from collections.abc import Sequence
from functools import partial

from google.api_core import exceptions as google_errors
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.types import PublishRequest

from videovector_bridge.backends.gcp.channels import open_transport
from videovector_bridge.backends.gcp.retry import Retry
from videovector_bridge.backends.per_process import PerProcess
from videovector_bridge.backends.ports import Message, Timeout
from videovector_bridge.backends.publish_limits import check_request
from videovector_bridge.errors import BackendError, UnstorableError

# The raw protobuf class: the wrapped one costs several times as much for each message. The
# threaded batcher of google-cloud-pubsub, with ordering keys, has a tenth of this speed.
_RawRequest = PublishRequest.pb()


class PubSubTopics:
    """The `Topics` port on Pub/Sub. A topic is a short id in `project`, or a full path.

    `endpoint` is the host to publish through; empty: Pub/Sub's global one.
    """

    def __init__(self, project: str, retry: Retry, endpoint: str = "") -> None:
        self._project = project
        self._retry = retry
        self._client = PerProcess(partial(_open_client, endpoint))

    def publish(self, topic: str, messages: Sequence[Message], *, timeout: Timeout) -> None:
        """Publish one request; return when Pub/Sub has acknowledged every message of it.

        Raises `UnstorableError` at once for a request that Pub/Sub refuses, `BackendError` at once
        where a retry cannot help (no such topic, no permission), and after `timeout` seconds
        otherwise.
        """
        path = topic if "/" in topic else f"projects/{self._project}/topics/{topic}"
        check_request(path, messages)
        client = self._client.get()
        request = _RawRequest(topic=path)
        # Adding in place is four times as fast as copying a list of messages.
        add = request.messages.add
        for message in messages:
            add(
                data=message.data,
                attributes=message.attributes,
                ordering_key=message.ordering_key,
            )
        wrapped = PublishRequest.wrap(request)
        response = self._retry.call(
            f"Publishing {len(messages)} messages to {path}",
            lambda seconds: client.publish(wrapped, timeout=seconds, retry=None),
            timeout,
            lambda error: _explain(error, path),
        )
        if len(response.message_ids) != len(messages):
            raise BackendError(
                f"Pub/Sub acknowledged {len(response.message_ids)} of {len(messages)} messages to "
                f"{path}; publish them again."
            )


def _open_client(endpoint: str) -> PublisherClient:
    transport = open_transport(PublisherGrpcTransport, "PUBSUB_EMULATOR_HOST", endpoint)
    return PublisherClient(transport=transport)


def _explain(error: Exception, path: str) -> str | None:
    if isinstance(error, google_errors.NotFound):
        return (
            f"The topic {path} does not exist: create it (`make deploy` creates the topics of "
            "infra/topology.json) or correct its name in the settings."
        )
    if isinstance(error, google_errors.PermissionDenied):
        return (
            f"This service account may not publish to {path}: grant it roles/pubsub.publisher on "
            f"the topic. ({error.message})"
        )
    if isinstance(error, google_errors.InvalidArgument):
        raise UnstorableError(
            f"Nothing was published to {path}. Pub/Sub refuses the request, and a retry cannot "
            f"help: {error.message}",
            owner="system",
            code="message_invalid",
        ) from error
    return None
