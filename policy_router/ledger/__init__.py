"""Counts what limits and budgets bound: one protocol; stores in memory, SQLite and Redis."""
