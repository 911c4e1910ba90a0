"""Reserves what an attempt may cost before it is sent, and settles what it did cost."""
