"""Settings that every test shares."""

from __future__ import annotations

from hypothesis import settings

# How long an example takes says nothing on a shared machine.
settings.register_profile("policy-router", deadline=None)
settings.load_profile("policy-router")
