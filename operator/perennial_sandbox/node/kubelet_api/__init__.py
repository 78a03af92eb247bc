"""The part of the kubelet's API that the API server calls: logs of containers."""
