"""Decides logged requests again: with the same policy to verify, with another to compare."""
