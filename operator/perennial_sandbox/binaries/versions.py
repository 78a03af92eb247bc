"""Which programs the sandbox runs, and in which versions. Names and numbers only."""

KUBERNETES = "1.37.2"
ETCD = "3.7.3"
REQUIRED = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
KUBECTL = "kubectl"
