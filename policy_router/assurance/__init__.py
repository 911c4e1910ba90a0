"""Exact answers about all requests at once, over the cells that a policy can distinguish."""
