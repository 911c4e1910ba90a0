"""Finds sensitive text in requests, one module for each kind. None of the text is kept."""
