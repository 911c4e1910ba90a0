"""Calls models through LiteLLM, and contains everything that relies on it."""
