"""Decides how a revision reaches users: states, gates, traffic, people."""
