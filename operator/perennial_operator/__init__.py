"""Perennial control plane: one level-triggered loop that observes, plans and applies."""
