"""Three counts of the tokens in a request: an estimate, an upper bound, the exact number."""
