"""The Go module of the last resort: one program that is etcd, Kubernetes' servers and kubectl.

It is package data; `go build` reads it from here. Its pins and the versions of the package are
changed together.
"""
