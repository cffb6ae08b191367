"""Tests of failures: of networks, stores, processes and clocks. No failure loses an event."""
