"""Processes of containers: how they start, end, are found again, and what memory they use."""
