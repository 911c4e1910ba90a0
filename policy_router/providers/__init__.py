"""Calls models, and turns answers and failures into typed values."""
