"""Identifies the program that sends a request, from its headers and body."""
