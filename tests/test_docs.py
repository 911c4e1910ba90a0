"""What README and docs show is what happens: their policies hold, their code runs, their commands
print what stands below them. `UPDATE_DOCS=1` writes what they print into the files."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from policy_router.__main__ import main
from policy_router.check.report import inspect
from policy_router.language.files import PolicyFile
from tests.cli.spent import DAY, HOUR, Try, spend, stop_the_clock

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)(?: ([\w.]+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    page: Path
    kind: str
    name: str | None
    text: str


def blocks(kind: str) -> list[Block]:
    return [
        Block(page, found[1], found[2], found[3])
        for page in PAGES
        for found in BLOCK.finditer(page.read_text("utf-8"))
        if found[1] == kind
    ]


def ids(found: list[Block]) -> list[str]:
    return [f"{b.page.name}-{i}" for i, b in enumerate(found)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the project's policies and the files that the pages name."""
    shutil.copytree(ROOT / "policies", tmp_path / "policies")
    policies = blocks("yaml")
    (tmp_path / "policy.yaml").write_text(policies[0].text, "utf-8")
    for block in policies:
        if block.name is not None:
            (tmp_path / block.name).write_text(block.text, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("POLICY_ROUTER_STATE", raising=False)
    return tmp_path


@pytest.fixture
def ledger(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Wednesday at noon on which ada and others have spent something."""
    stop_the_clock(monkeypatch)
    spend(
        "sqlite:///ledger.db",
        Try("haiku", 3 * DAY, "bob", (80_000, 120_000)),
        *(Try("haiku", HOUR * i, "ada", (20_000, 62_000)) for i in (1, 2, 3)),
        Try("haiku", 600, "bob", (12_000, 3_000)),
        Try("llama", 300, "bob", (900, 400)),
        Try("llama", 20, "ada", (1_200, 300)),
        Try("haiku", 1, "cid", running=True),
        policy=str(folder / "budgets.yaml"),
    )


POLICIES = [b for b in blocks("yaml") if b.name is None]


@pytest.mark.parametrize("block", POLICIES, ids=ids(POLICIES))
def test_policies_are_sound(block: Block) -> None:
    report = inspect([PolicyFile(block.page.name, block.text.encode())])
    assert report.policy is not None
    assert not report.findings


CODE = blocks("python")


@pytest.mark.parametrize("block", CODE, ids=ids(CODE))
@pytest.mark.usefixtures("folder")
def test_code_runs(block: Block) -> None:
    exec(compile(block.text, block.page.name, "exec"), {"__name__": "docs"})  # noqa: S102  our own pages


CONSOLES = blocks("console")


@pytest.mark.parametrize("block", CONSOLES, ids=ids(CONSOLES))
@pytest.mark.usefixtures("ledger")
def test_commands_print_what_is_shown(block: Block, capfd: pytest.CaptureFixture[str]) -> None:
    shown = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            shown.append(line)
            program, *arguments = shlex.split(line[2:])
            assert program == "policy-router"
            main(arguments)
            out, err = capfd.readouterr()
            shown.extend((out + err).splitlines())
    printed = "\n".join(row.rstrip() for row in shown) + "\n"
    if os.environ.get("UPDATE_DOCS"):
        text = block.page.read_text("utf-8")
        block.page.write_text(text.replace(block.text, printed), "utf-8")
    else:
        assert printed == block.text


def test_commands_of_make_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {
        found
        for page in PAGES
        for found in re.findall(r"(?:^|`)make ([a-z]+)\b", page.read_text("utf-8"), re.MULTILINE)
    }
    assert {"demo", "test"} <= named <= targets


def test_paths_for_contributors_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    paths = {path for path in re.findall(r"`([\w./-]+)`", text) if "/" in path}
    missing = {
        path
        for path in paths
        if not (ROOT / path).exists() and not (ROOT / "policy_router" / path).exists()
    }
    assert paths
    assert not missing


def test_links_lead_somewhere() -> None:
    for page in [*PAGES, ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^):]+)\)", page.read_text("utf-8")):
            path, _, anchor = target.partition("#")
            linked = page.parent / path if path else page
            assert linked.exists(), f"{page.name}: {target}"
            assert not anchor or anchor in anchors(linked), f"{page.name}: {target}"


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}
