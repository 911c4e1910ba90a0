"""One module for each command: it parses, calls and shows."""
