"""Names and numbers of the ports of serving Pods; probes, Services and Envoy use the names."""

DATA_PORT_NAME = "data"
DATA_PORT = 8080
ADMIN_PORT_NAME = "admin"
ADMIN_PORT = 8081
