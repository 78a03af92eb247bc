"""Which programs the sandbox runs, and in which versions. Names and numbers only."""

KUBERNETES = "1.37.2"
ETCD = "3.7.3"
GO = "1.26"
ETCD_PROGRAM = "etcd"
KUBECTL = "kubectl"
REQUIRED = (ETCD_PROGRAM, "kube-apiserver", "kube-controller-manager", "kube-scheduler")
