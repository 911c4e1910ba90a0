"""Carrying a decision out: attempts, fallback, streams, accounts."""
