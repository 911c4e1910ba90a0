"""Reads models, prices and abilities from LiteLLM's table."""
