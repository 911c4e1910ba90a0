"""Proofs about all requests at once: promises, differences of policies, reach of models."""
