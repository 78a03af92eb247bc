"""The control plane's files and command lines: what must exist before its parts can start."""
