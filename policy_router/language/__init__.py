"""YAML text -> Policy: reading, checking and compiling policy files. Keeps no state."""
