"""Keeping a policy up to date while it is in use: what is on disk wins, but only when it is good.

`reload` decides what becomes active and when; `watch` only tells it earlier than its clock would.
"""
