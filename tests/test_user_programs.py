"""Programs as users write them: what mypy accepts, what it refuses, and that the right ones run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "tests" / "user_programs"
RIGHT = sorted((FOLDER / "right").glob("*.py"))
WRONG = sorted((FOLDER / "wrong").glob("*.py"))
ERROR = re.compile(r"(?P<file>[^:]+):(?P<line>\d+): error: (?P<message>.*)  \[(?P<code>.+)\]")
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXPECTED = re.compile(r"  # (?P<code>[a-z-]+): (?P<message>.+)$")


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Every program, those of the documentation too."""
    folder = tmp_path_factory.mktemp("documented")
    pages = (ROOT / "docs" / "python.md", ROOT / "README.md")
    shown = [block for page in pages for block in BLOCK.findall(page.read_text("utf-8"))]
    assert len(shown) > len(pages)
    paths = [folder / f"block_{number}.py" for number in range(len(shown))]
    for path, block in zip(paths, shown, strict=True):
        path.write_text(block, "utf-8")
    return [*RIGHT, *WRONG, *paths]


@pytest.fixture(scope="module")
def errors(programs: list[Path]) -> dict[Path, dict[int, tuple[str, str]]]:
    """The errors of one run of mypy over all programs: by file and line, code and message."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-pretty", "--hide-error-context"]
        + [str(path) for path in programs],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    errors: dict[Path, dict[int, tuple[str, str]]] = {path: {} for path in programs}
    assert done.returncode in (0, 1), done.stdout + done.stderr
    for line in done.stdout.splitlines():
        match = ERROR.fullmatch(line)
        if match is not None:
            errors[(ROOT / match["file"]).resolve()][int(match["line"])] = (
                match["code"],
                match["message"],
            )
    return errors


@pytest.mark.parametrize("path", RIGHT, ids=lambda path: path.stem)
def test_right_programs_have_no_error(
    path: Path, errors: dict[Path, dict[int, tuple[str, str]]]
) -> None:
    assert errors[path] == {}


def test_programs_of_the_documentation_have_no_error(
    programs: list[Path], errors: dict[Path, dict[int, tuple[str, str]]]
) -> None:
    for path in programs[len(RIGHT) + len(WRONG) :]:
        assert errors[path] == {}, path.read_text("utf-8")


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_each_wrong_line_has_its_error(
    path: Path, errors: dict[Path, dict[int, tuple[str, str]]]
) -> None:
    lines = enumerate(path.read_text().splitlines(), start=1)
    expected = {number: match for number, line in lines if (match := EXPECTED.search(line))}
    assert errors[path].keys() == expected.keys()
    for number, (code, message) in errors[path].items():
        assert code == expected[number]["code"], message
        assert expected[number]["message"] in message


@pytest.mark.parametrize("path", RIGHT, ids=lambda path: path.stem)
def test_right_programs_run(path: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(path)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
