"""Reports of usage, cost, savings and reliability."""
