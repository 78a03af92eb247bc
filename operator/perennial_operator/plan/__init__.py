"""Decides: pure functions from a Snapshot and `now` to a Plan. Knows no clock, network or task."""
