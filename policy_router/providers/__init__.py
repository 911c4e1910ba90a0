"""Calling models, and telling what an answer or a failure really was."""
