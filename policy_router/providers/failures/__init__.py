"""Classifies failed calls: the kind, the cause, and what goes into cooldown."""
