"""Checks requests, and writes them in the form that each provider understands."""
