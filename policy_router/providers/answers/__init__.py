"""Answers of providers as typed values, in one shape for all providers."""
