"""Rows for step Jobs: read from a source, split, counted, handed to models. Pure but for numpy."""
