"""The node's side of the Kubernetes API: requests, watches, events."""
