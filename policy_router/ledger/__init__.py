"""Counters that hold: one protocol, several stores with one meaning."""
