"""Fields that have no effect, by the section of a policy that they are in."""
