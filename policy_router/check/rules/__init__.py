"""One module per lint rule: its docstring is the page of the manual, `check` is the rule."""
