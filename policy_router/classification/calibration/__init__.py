"""Fits the complexity settings of a policy to requests whose band or outcome is known."""
