"""Drives one Pod: its containers, probes, volumes and status."""
