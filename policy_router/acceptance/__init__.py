"""Checks whether an answer is good enough to be returned."""
