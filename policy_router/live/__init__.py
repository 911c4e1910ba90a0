"""Keeps the policy in use up to date with its files, as long as the files are good.

`reload` holds the pieces together: `folder` looks at the files, `settle` and `machine` decide what
to do about a look, `compilation` makes a policy, `slot` swaps it, `status` reports, and `follower`
runs the thread, which `watch` wakes early after a file event.
"""
