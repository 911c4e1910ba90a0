"""Calls models directly at endpoints that speak the wire format of OpenAI's chat completions."""
