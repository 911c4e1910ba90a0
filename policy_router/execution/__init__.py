"""Carries decisions out: attempts, fallback, streams, cooldowns, charges."""
