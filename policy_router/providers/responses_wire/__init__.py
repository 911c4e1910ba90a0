"""Calls models directly at endpoints that speak OpenAI's Responses API."""
