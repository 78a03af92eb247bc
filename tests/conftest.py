"""Offers the sandbox's fixtures to all tests."""

pytest_plugins = ["perennial_sandbox.pytest_plugin"]
