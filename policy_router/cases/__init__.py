"""Tests of a policy: runs them, measures their coverage, and mutates the policy under test."""
