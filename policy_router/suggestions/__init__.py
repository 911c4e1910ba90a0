"""Changes of a policy that its outcomes ask for, as patches that a person may apply."""
