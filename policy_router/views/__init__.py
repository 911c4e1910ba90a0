"""Renders each value: as a dict for JSON and as lines for a terminal."""
