"""Calls models directly at endpoints that speak the wire format of Anthropic's messages."""
