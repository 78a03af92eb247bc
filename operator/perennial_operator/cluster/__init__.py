"""The only way to the API server: a small port, its adapter, watches and the Lease."""
