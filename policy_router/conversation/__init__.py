"""The conversation in a body, the same for every dialect: who speaks, and what a human asks."""
