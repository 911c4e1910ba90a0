"""Finds out which models can be called from this machine."""
