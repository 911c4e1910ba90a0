"""Counts the outcomes of past requests, and estimates from them how good models are."""
