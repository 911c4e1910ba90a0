"""Observers of events."""
