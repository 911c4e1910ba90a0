"""Runs synthetic or logged traffic through a policy in virtual time."""
