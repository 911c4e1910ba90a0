"""Which models this machine can reach."""
