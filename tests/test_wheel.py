"""The wheel contains every file of the package that is not code."""

from __future__ import annotations

from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[1]


def packed() -> set[str]:
    """Paths of the files that a wheel built here would contain."""
    files = WheelBuilder(str(ROOT)).recurse_included_files()
    return {Path(file.distribution_path).as_posix() for file in files}


def test_the_data_files_are_packed() -> None:
    data = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "policy_router").rglob("*.*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert "policy_router/classification/vocabulary.toml" in data
    assert "policy_router/check/pages/yaml-syntax.md" in data
    assert data <= packed()
