"""Statistics of outcomes: how good models are, and which order follows. Pure."""
