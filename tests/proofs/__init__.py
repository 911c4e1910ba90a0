"""Proofs of promises against other ways to the truth."""
