"""Classifies requests: task, complexity, needed abilities, tokens."""
