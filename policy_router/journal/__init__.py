"""The journal: one row for each call of a model, kept in SQL, and sums of each day for ever."""
