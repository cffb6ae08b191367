"""What an acceptance run reads in Terraform's state."""

from tests.acceptance.state import read_state


def test_a_state_has_the_addresses_of_its_resources() -> None:
    """With module and key; data sources and what waits for its deletion are none."""
    content = {
        "resources": [
            {
                "mode": "managed",
                "module": "module.bridge",
                "type": "google_pubsub_topic",
                "name": "this",
                "instances": [{"index_key": "events", "attributes": {"name": "events"}}],
            },
            {
                "mode": "managed",
                "type": "google_bigquery_table",
                "name": "events",
                "instances": [{"index_key": 0}, {"index_key": 1, "deposed": "1234"}],
            },
            {"mode": "data", "type": "google_project", "name": "this", "instances": [{}]},
        ],
        "outputs": {"database": {"value": "(default)", "type": "string"}},
    }

    state = read_state(content)

    assert list(state.resources) == [
        'module.bridge.google_pubsub_topic.this["events"]',
        "google_bigquery_table.events[0]",
    ]
    assert state.resources['module.bridge.google_pubsub_topic.this["events"]'] == {"name": "events"}
    assert state.outputs == {"database": "(default)"}


def test_waits_of_terraform_are_not_in_the_cloud() -> None:
    """A state with only those has nothing left to delete."""
    content = {
        "resources": [
            {
                "mode": "managed",
                "module": "module.bridge",
                "type": "terraform_data",
                "name": "identity",
                "instances": [{}],
            }
        ]
    }

    assert read_state(content).list_cloud_resources() == []


def test_there_is_no_state_before_the_first_apply() -> None:
    """An empty one has no resources and no outputs."""
    assert read_state({}).resources == {}
