"""Tests of the pure parts of infra/standin/webhooks: webhooks."""
