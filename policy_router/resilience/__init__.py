"""Deadlines, cancellation and forks."""
