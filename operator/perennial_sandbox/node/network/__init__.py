"""Addresses of Pods and local ports of Services."""
