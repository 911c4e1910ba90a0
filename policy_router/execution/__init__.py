"""Carries decisions out: attempts, fallback, streams, accounts."""
