"""What the operator writes back: the status of each kind, and nothing of its spec."""
