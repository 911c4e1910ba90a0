"""The version of the package."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of


def version() -> str:
    """The version of the installed package."""
    try:
        return version_of("policy-router")
    except PackageNotFoundError:
        return "not installed"
