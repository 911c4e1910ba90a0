"""Serves a router over HTTP, to clients that speak OpenAI's or Anthropic's API."""
