"""Engines that run a trainer: each adapter builds its object and classifies its status."""
