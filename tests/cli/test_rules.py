"""`rules`: the list of what `check` looks for, and a page of it."""

from __future__ import annotations

from policy_router.check import manual
from tests.cli.run import run


def test_every_rule_has_a_line() -> None:
    result = run("rules")
    assert result.code == 0
    listed = [line.split("  ", 1) for line in result.out.splitlines()]
    assert [name for name, _ in listed] == list(manual.names())
    assert all(summary.strip() for _, summary in listed)
    found = run("rules", "--json").json
    assert found["schema_version"] == 1
    assert [each["name"] for each in found["rules"]] == list(manual.names())
    assert all(each["summary"] for each in found["rules"])


def test_a_page() -> None:
    page = manual.page("dead-rule")
    assert page is not None
    result = run("rules", "dead-rule")
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[:2] == ["dead-rule", page.summary]
    assert "Bad:" in lines
    assert lines.index("Bad:") < lines.index("Good:")
    for part in (page.bad, page.good):
        assert part.split()[0] in result.out
    found = run("rules", "dead-rule", "--json").json
    assert found == {
        "schema_version": 1,
        "name": "dead-rule",
        "summary": page.summary,
        "text": page.text,
        "bad": page.bad,
        "good": page.good,
    }


def test_a_page_without_snippets() -> None:
    assert run("rules", "unstable-files").code == 0
    assert "Bad:" not in run("rules", "unstable-files").out


def test_an_unknown_rule() -> None:
    result = run("rules", "ded-rule")
    assert result.code == 2
    assert result.out == ""
    assert result.err == "error: there is no rule `ded-rule`: did you mean `dead-rule`?\n"
