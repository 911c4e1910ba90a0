"""From a checked document to the values of a policy."""
