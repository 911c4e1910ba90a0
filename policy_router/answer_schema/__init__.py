"""Checks answers of models against JSON Schemas, in bounded time."""
