"""A real Kubernetes control plane on one host, with a node that runs Pods as processes."""
