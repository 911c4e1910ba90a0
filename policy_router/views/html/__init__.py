"""Renders values as HTML and SVG: for the page of the server, and for files that can be mailed."""
