"""Settings that every test shares."""

from __future__ import annotations

import os

from hypothesis import settings

# How long an example takes says nothing on a shared machine. Where a change is judged, the same
# examples are tried every time; everywhere else, new ones.
settings.register_profile(
    "policy-router", deadline=None, derandomize=os.environ.get("CI") == "true"
)
settings.load_profile("policy-router")
