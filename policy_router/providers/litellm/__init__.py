"""Calls through LiteLLM, and all that is relied on in it."""
