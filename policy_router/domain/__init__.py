"""The value types that all other packages share. No IO, no index."""
