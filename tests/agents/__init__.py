"""Real coding agents against a simulated model: they finish a task, whatever happens between."""
