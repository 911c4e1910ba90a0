"""Settings that every test shares."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterable

TESTS: Final = Path(__file__).parent
TRACED: Final = (
    *("acceptance", "assurance", "cases", "check", "cli", "decision", "domain", "execution"),
    *("experience", "language", "lsp", "observe", "router", "suggestions"),
)
"""The folders whose tests run every line of the core, which `make test` demands."""
TRACED_LAWS: Final = (
    *("decision/limits/test_limit_index.py", "decision/order/test_ranking.py"),
    *("decision/test_state_of_limits.py", "language"),
)
"""The laws of hypothesis that reach what no single case does."""

os.environ.setdefault(
    "LITELLM_LOCAL_MODEL_COST_MAP", "True"
)  # tests that import litellm themselves

# How long an example takes says nothing on a shared machine. Where a change is judged, the same
# examples are tried every time; everywhere else, new ones.
settings.register_profile(
    "policy-router", deadline=None, derandomize=os.environ.get("CI") == "true"
)
settings.load_profile("policy-router")


@pytest.hookimpl(trylast=True)  # hypothesis marks its laws first
def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Trace only the tests that should run every line of the core: it doubles the time of a test.

    A law runs the same lines hundreds of times, and nearly all have a case of their own, too.
    """
    for item in items:
        path = item.path.relative_to(TESTS).as_posix()
        is_law = item.get_closest_marker("hypothesis") is not None
        if not path.startswith(TRACED_LAWS if is_law else TRACED):
            item.add_marker(pytest.mark.no_cover)
