"""The outward shape of each value: a dict for JSON and lines for a terminal."""
