"""Keeps the parts of one sandbox alive, whatever dies: a part, the supervisor, or its standby.

A part holds its own lock, so it outlives its supervisor and is found again by the next one. The
standby is a part like any other; it waits for the supervisor's lock and becomes the supervisor
in the moment in which that one dies.
"""
