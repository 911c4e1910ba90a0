"""Finds sensitive text in requests, one module for each kind. Nothing of the text is kept."""
