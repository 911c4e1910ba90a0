"""Lint: mistakes in a policy that compiles. One module per rule; `registry` lists them."""
