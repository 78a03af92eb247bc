"""The loop: which key is due, what is known, and one pass after another."""
