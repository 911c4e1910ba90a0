"""A server between providers at real addresses, and callers whose private text may not leave."""
