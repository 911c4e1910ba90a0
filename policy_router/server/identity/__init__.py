"""Authenticates callers by their keys, and determines what each may do."""
