"""Follows the policy files, and keeps the active policy up to date as long as they are valid.

`reload` connects the parts: `folder` scans the files, `settle` and `machine` decide what to do
after a scan, `compilation` builds a policy, `slot` swaps it in, `status` reports, and `follower`
runs the thread, which `watch` wakes up early after a file event.
"""
