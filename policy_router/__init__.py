"""Declarative policy for language-model routing."""
