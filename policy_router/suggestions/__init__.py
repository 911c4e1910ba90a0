"""Suggests changes of a policy from its outcomes, as patches for a person to apply."""
