"""Calls models, and determines what an answer or a failure really was."""
