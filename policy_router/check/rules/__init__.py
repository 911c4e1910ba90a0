"""One module a rule: its docstring is its manual, `check` finds it."""
