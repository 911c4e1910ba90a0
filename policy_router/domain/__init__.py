"""The values that everything else is written in. No IO, no index."""
