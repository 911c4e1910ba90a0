"""Every rule has a page, every page a rule, and every snippet shows what it says it shows."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import policy_router
from policy_router.check import manual
from policy_router.check.registry import LINT, TEXT_RULES
from policy_router.check.shorten import MORE, MOST_SHOWN
from tests.check.policies import errors, look

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE = Path(policy_router.__file__).parent
# How a diagnostic is made, anywhere in the package; the name of its rule is one of the first two
# arguments, or the last.
MAKERS = {
    "ConditionError", "Diagnostic", "ScalarError", "_Slip", "_error", "_refuse", "_stop", "error",
    "note", "refuse", "warning",
}  # fmt: skip
NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
WITHOUT_SNIPPET = {
    "bad-character": "the character cannot be seen",
    "file-too-large": "about the size of a file",
    "function-not-allowed": "about the program that uses the policy",
    "more-findings": "about the number of findings",
    "internal-error": "about the program, not the policy",
    "manifest-mismatch": "about the folder",
    "no-policy-files": "about the folder",
    "not-a-test": "about the name of a file",
    "not-utf8": "about bytes that are no text",
    "too-many-files": "about the folder",
    "policy-too-large": "about the size of a policy",
    "too-many-entries": "about the size of a policy",
    "too-many-nodes": "about the size of a file",
    "unreadable-file": "about the file system",
    "unsafe-file": "about the file system",
    "unstable-files": "about the file system",
}


def emitted() -> set[str]:
    """The names of rules that the source gives to a diagnostic."""
    found: set[str] = set()
    # A server refuses requests, by the names of their fields, and reports nothing about policies.
    files = (p for p in SOURCE.rglob("*.py") if SOURCE / "server" not in p.parents)
    for path in sorted(files):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        constants = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.AnnAssign)
            and isinstance(target := node.target, ast.Name)
            and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                found.update(_rule_of(node, constants))
            # `rule, message = "bad-unit", ...` stands for the Diagnostic made of it.
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple):
                names = [e.id for e in ast.walk(node.targets[0]) if isinstance(e, ast.Name)]
                first = node.value.elts[0] if node.value.elts else None
                if names[:1] == ["rule"] and isinstance(first, ast.Constant):
                    found.add(str(first.value))
    return found


def _rule_of(node: ast.Call, constants: Mapping[str, object]) -> set[str]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name not in MAKERS:
        return set()
    for argument in (*node.args[:2], *node.args[-1:]):
        value: object = argument.value if isinstance(argument, ast.Constant) else None
        if isinstance(argument, ast.Name):
            value = constants.get(argument.id)
        if isinstance(value, str) and NAME.fullmatch(value):
            return {value}
    return set()


def test_every_rule_has_a_page_and_every_page_a_rule() -> None:
    assert emitted() == set(manual.names())


def test_the_source_says_as_many_rules_as_the_registry() -> None:
    assert set(LINT) | set(TEXT_RULES) < emitted()


@pytest.mark.parametrize("name", manual.names())
def test_a_page_says_what_and_why(name: str) -> None:
    page = manual.page(name)
    assert page is not None
    assert page.name == name
    assert page.text
    assert 10 < len(page.summary) < 90
    assert not page.summary.endswith(".")
    for part in (page.summary, page.text, *page.bad.splitlines(), *page.good.splitlines()):
        assert part in str(page)


def test_every_page_in_a_file_is_headed_by_the_name_of_its_rule() -> None:
    for path in (SOURCE / "check" / "pages").iterdir():
        heading, summary = path.read_text(encoding="utf-8").splitlines()[:3:2]
        assert heading == f"# {path.stem}"
        assert manual.page(path.stem).summary == summary  # type: ignore[union-attr]


def test_the_page_about_omitted_findings_says_how_many_are_shown() -> None:
    page = manual.page(MORE)
    assert page is not None
    assert f"At most {MOST_SHOWN} " in page.text


def test_there_is_no_page_for_what_is_no_rule() -> None:
    assert manual.page("no-such-rule") is None


@pytest.mark.parametrize("name", [n for n in manual.names() if n not in WITHOUT_SNIPPET])
def test_bad_is_found_and_good_is_not(name: str) -> None:
    page = manual.page(name)
    assert page is not None
    bad, good = look(page.bad), look(page.good)
    assert name in [d.rule for d in bad.diagnostics], errors(bad)
    assert name not in [d.rule for d in good.diagnostics]
    assert errors(good) == []


@pytest.mark.parametrize("name", WITHOUT_SNIPPET)
def test_what_no_snippet_can_show_has_none(name: str) -> None:
    page = manual.page(name)
    assert page is not None
    assert (page.bad, page.good) == ("", "")
