"""Credentials and prompts are kept out of everything that is shown or logged."""
