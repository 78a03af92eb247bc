"""Pure numbers for step Jobs: paired tests of two models on the same held-out rows."""
