"""The journal: one row for each call of a model, kept in SQL, and daily sums kept forever."""
