"""Decides what a RetrainJob does next: from its data to a candidate that is proven or refused."""
