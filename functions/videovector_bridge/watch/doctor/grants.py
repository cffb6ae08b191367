"""Which permissions the operator needs, and which roles the accounts of the functions need.

Permissions and roles: https://cloud.google.com/pubsub/docs/access-control,
https://cloud.google.com/storage/docs/access-control/iam-roles,
https://cloud.google.com/secret-manager/docs/access-control,
https://cloud.google.com/monitoring/access-control.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from videovector_bridge.backends.inventory_port import Resource
from videovector_bridge.settings.deployment import DeployedFunction, Deployment, source_bucket
from videovector_bridge.watch.doctor.finding import Finding

BUCKET_ROLES: Final = {
    "claims:read": "roles/storage.objectViewer",
    "claims:write": "roles/storage.objectCreator",
    "previews:read": "roles/storage.objectViewer",
    "previews:write": "roles/storage.objectUser",
}
_STATE_ROLES: Final = {"read": "roles/datastore.viewer", "write": "roles/datastore.user"}


@dataclass(frozen=True, slots=True)
class OperatorNeed:
    """A permission that commands need on a resource, and the role that has it."""

    resource: Resource
    permission: str
    role: str
    commands: str


def find_operator_needs(deployment: Deployment) -> Iterator[OperatorNeed]:
    """Yield every need. Firestore is checked by writing a document."""
    for each in deployment.subscriptions:
        resource = Resource("subscription", each.id)
        if each.name in ("rejected", "dead-letters"):
            yield OperatorNeed(
                resource,
                "pubsub.subscriptions.consume",
                "roles/pubsub.subscriber",
                f"status, {each.name}",
            )
        else:
            yield OperatorNeed(
                resource, "pubsub.subscriptions.get", "roles/pubsub.viewer", "doctor"
            )
    if events := deployment.topics.get("events"):
        topic = Resource("topic", events)
        yield OperatorNeed(topic, "pubsub.topics.publish", "roles/pubsub.publisher", "redrive")
        yield OperatorNeed(
            topic, "pubsub.topics.attachSubscription", "roles/pubsub.subscriber", "tail, replay"
        )
    project = deployment.backend.project
    bucket = Resource("bucket", source_bucket(project, deployment.prefix))
    yield OperatorNeed(bucket, "storage.objects.get", "roles/storage.objectViewer", "every command")
    for secret, permission, role, commands in (
        (
            deployment.api_key_secret,
            "secretmanager.versions.access",
            "roles/secretmanager.secretAccessor",
            "status, doctor, rewind",
        ),
        (
            deployment.webhook_secret,
            "secretmanager.versions.list",
            "roles/secretmanager.viewer",
            "doctor",
        ),
    ):
        if secret:
            yield OperatorNeed(Resource("secret", secret), permission, role, commands)
    yield OperatorNeed(
        Resource("project", project),
        "monitoring.timeSeries.list",
        "roles/monitoring.viewer",
        "status",
    )


def judge_operator(need: OperatorNeed, allowed: frozenset[str], project: str) -> Finding:
    """Judge a need by what the caller is allowed."""
    subject = str(need.resource)
    if need.permission in allowed:
        return Finding(subject, "ok", f"you have {need.permission} ({need.commands})")
    return Finding(
        subject,
        "wrong",
        f"you lack {need.permission}, which {need.commands} need: {need.role}",
        _fix_grant(need.resource, need.role, "user:YOU", project),
    )


@dataclass(frozen=True, slots=True)
class AccountNeed:
    """A role that the account of a function needs on a resource."""

    function: str
    member: str
    resource: Resource
    role: str


def find_account_needs(deployment: Deployment) -> Iterator[AccountNeed]:
    """Yield the roles of every function, as Terraform grants them."""
    for function in deployment.functions:
        member = f"serviceAccount:{function.account}"
        for resource, role in _find_roles(function, deployment):
            yield AccountNeed(function.name, member, resource, role)


def _find_roles(
    function: DeployedFunction, deployment: Deployment
) -> Iterator[tuple[Resource, str]]:
    for topic in function.publishes:
        yield Resource("topic", deployment.topics.get(topic, topic)), "roles/pubsub.publisher"
    for name in function.pulls:
        id_ = deployment.subscription(name).id
        yield Resource("subscription", id_), "roles/pubsub.subscriber"
    secrets = {
        "VIDEO_VECTOR_API_KEY": deployment.api_key_secret,
        "WEBHOOK_SECRETS": deployment.webhook_secret,
    }
    for name in function.secrets:
        if secret := secrets.get(name):
            yield Resource("secret", secret), "roles/secretmanager.secretAccessor"
    buckets = {
        "claims": deployment.backend.claim_bucket,
        "previews": deployment.backend.preview_bucket,
    }
    for use in function.buckets:
        bucket, role = buckets.get(use.partition(":")[0]), BUCKET_ROLES.get(use)
        if bucket and role:
            yield Resource("bucket", bucket), role
    if role := _STATE_ROLES.get(function.state):
        yield Resource("project", deployment.backend.project), role


def judge_account(
    need: AccountNeed, policy: Mapping[str, frozenset[str]], project: str
) -> Finding | None:
    """Return the finding about a missing role; None if it is granted on the resource.

    A grant on the project or a folder, or by another role, is not seen.
    """
    if need.member in policy.get(need.role, frozenset()):
        return None
    return Finding(
        need.function,
        "wrong",
        f"its account has no {need.role} on {need.resource} (grants from above are not seen)",
        _fix_grant(need.resource, need.role, need.member, project),
    )


def _fix_grant(resource: Resource, role: str, member: str, project: str) -> str:
    where = {
        "topic": f"gcloud pubsub topics add-iam-policy-binding {resource.id}",
        "subscription": f"gcloud pubsub subscriptions add-iam-policy-binding {resource.id}",
        "bucket": f"gcloud storage buckets add-iam-policy-binding gs://{resource.id}",
        "secret": f"gcloud secrets add-iam-policy-binding {resource.id.rpartition('/')[2]}",
        "project": f"gcloud projects add-iam-policy-binding {resource.id}",
    }[resource.kind]
    option = "" if resource.kind in ("bucket", "project") else f" --project={project}"
    return f"{where} --member={member} --role={role}{option}"
