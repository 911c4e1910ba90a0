"""What outcomes say about models, and which order that asks for. Pure."""
