"""`settings.deployment`: what a description says, and what is wrong with one."""

from typing import Any

import pytest

from tests.support.local_deployment import describe
from videovector_bridge.backends import BackendSettings
from videovector_bridge.errors import SettingsError
from videovector_bridge.settings.deployment import parse_deployment, source_bucket

GCP = BackendSettings("gcp", "my-project", "")


def without(field: str) -> dict[str, Any]:
    """Return a description that lacks a field."""
    return {name: value for name, value in describe(GCP).items() if name != field}


def test_a_description_names_what_is_deployed() -> None:
    """Topics, subscriptions, functions and streams, by their names in the topology."""
    deployment = parse_deployment(describe(GCP), "here")

    assert deployment.backend.project == "my-project"
    assert deployment.topics["events"] == "events"
    assert deployment.subscription("rejected").function == ""
    assert deployment.subscription("upsert-markers").function == "upsert-markers"
    functions = {each.name: each for each in deployment.functions}
    assert functions["drain"].state == "write"
    assert functions["upsert-markers"].action == "upsert_marker"
    assert [each.name for each in deployment.streams] == ["default"]


def test_a_newer_description_may_have_more_fields() -> None:
    """They are ignored."""
    assert parse_deployment(describe(GCP) | {"more": 1}, "here") == parse_deployment(
        describe(GCP), "here"
    )


OPTIONAL = {"backend", "embedded_dir", "webhook_secrets_file"}


@pytest.mark.parametrize("field", sorted(without("format").keys() - OPTIONAL))
def test_a_missing_field_is_named(field: str) -> None:
    """So is the place of the description."""
    with pytest.raises(SettingsError, match=f"here lacks the field '{field}'"):
        parse_deployment(without(field), "here")


@pytest.mark.parametrize(
    "content", [None, [], {}, {"format": 2}, "text", {"format": 1, "buckets": []}]
)
def test_another_content_is_refused(content: object) -> None:
    """Any JSON value gives a sentence that names the place."""
    with pytest.raises(SettingsError, match="here"):
        parse_deployment(content, "here")


def test_an_unknown_subscription_is_refused_with_the_known_ones() -> None:
    """The sentence lists them."""
    deployment = parse_deployment(describe(GCP), "here")

    with pytest.raises(SettingsError, match=r"no subscription 'rejects'.*dead-letters, rejected"):
        deployment.subscription("rejects")


def test_each_deployment_has_a_bucket_of_its_own() -> None:
    """The prefix is part of its name."""
    assert source_bucket("p", "") == "p-videovector-source"
    assert source_bucket("p", "blue-") == "p-blue-videovector-source"
