"""What past requests say: counts of their outcomes, and what may be concluded from these."""
