"""Lint: what a policy that compiles still gets wrong. One module a rule; `registry` lists them."""
