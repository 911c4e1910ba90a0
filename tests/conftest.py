"""Settings that every test shares."""

from __future__ import annotations

import os

from hypothesis import settings

os.environ.setdefault(
    "LITELLM_LOCAL_MODEL_COST_MAP", "True"
)  # tests that import litellm themselves

# How long an example takes says nothing on a shared machine. Where a change is judged, the same
# examples are tried every time; everywhere else, new ones.
settings.register_profile(
    "policy-router", deadline=None, derandomize=os.environ.get("CI") == "true"
)
settings.load_profile("policy-router")
