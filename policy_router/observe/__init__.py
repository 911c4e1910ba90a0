"""Observers of events: metrics, logs, traces, the decision log and alerts."""
