"""Finds the real Kubernetes programs, or gets them: downloaded and checked, or built."""
