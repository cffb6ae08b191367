"""Tests of one module at a time: no emulators, no real sleeps, no network but loopback."""
