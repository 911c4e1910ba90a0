"""One module for each endpoint besides those that answer requests."""
