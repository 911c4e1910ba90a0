"""HTTP connections to providers, and a record of what was sent and received."""
