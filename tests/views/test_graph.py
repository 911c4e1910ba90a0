"""What `graph` draws, by every way of drawing it."""

from __future__ import annotations

import pytest

from policy_router.loading import load
from policy_router.views.graph import as_json, as_lines, matrix
from policy_router.views.html.graph import graph_page, graph_svg
from policy_router.views.terminal import render
from tests.views.html.seen import seen, tree

POLICY = """\
version: 1
name: drawn
tiers: [light, heavy]
models:
  small: { model: openai/small, tier: light, price: free, tags: [local] }
  big: { model: openai/big, tier: heavy, price: { input: $1/M, output: $2/M }, can: [json] }
  idle: { model: openai/idle, tier: heavy, price: free, can: [json], tags: [local] }
tasks:
  chat: {}
  code: { min_tier: heavy }
  extract: { needs: [json] }
budgets: { all: { cap: unlimited } }
rules:
  - { name: private stays, when: { tags: private }, only: [local] }
  - { name: nobody, when: { tags: secret }, deny: not with us }
  - { name: later, when: { tags: later }, shadow: true, first: [big] }
  - { name: fast ones, when: { tags: fast }, prefer: [fastest] }
"""
DRAWN = matrix(load(text=POLICY))


def test_the_matrix_on_a_terminal() -> None:
    assert render(as_lines(DRAWN)).splitlines()[1:] == [
        "  1  small  light  free",
        "  2  big    heavy",
        "  3  idle   heavy  free",
        "",
        "                        1  2  3  when",
        "task chat               .  .  .",
        "task code               v  .  .",
        "task extract            x  .  .                     the default",
        "rule private stays      .  x  .  'private' in tags",
        "rule nobody             x  x  x  'secret' in tags   denies: not with us",
        "rule later (in shadow)  .  1  .  'later' in tags",
        "rule fast ones          .  .  .  'fast' in tags     prefers fastest",
        "1 put first · x out · v below its tier · . untouched",
    ]


def test_a_model_that_nothing_mentions() -> None:
    drawn = matrix(load(text=POLICY.replace("  - { name: nobody", "  - { name: other").replace(
        "deny: not with us", "avoid: [big]")))  # fmt: skip
    assert render(as_lines(drawn)).splitlines()[-1] == ("No task or rule affects idle.")


def test_the_matrix_for_programs() -> None:
    shown = as_json(DRAWN)
    rows = {row["name"]: row for row in shown["rows"]}  # type: ignore[attr-defined]  # a list
    assert rows["private stays"]["effects"] == {"big": "out"}
    assert rows["code"]["effects"] == {"small": "below"}
    assert rows["later"] == {
        "kind": "rule", "name": "later", "when": "'later' in tags", "shadow": True, "note": "",
        "at": "<text>:16:13", "effects": {"big": "first"},
    }  # fmt: skip
    assert shown["untouched"] == []


def test_the_drawing_has_a_cell_for_each_pair() -> None:
    svg = tree(graph_svg(DRAWN))
    assert not svg.unbalanced
    cells = [line for line in svg.lines if ": " in line and " is " in line]
    assert len(cells) == 7 * 3
    assert "private stays: big is out" in cells
    assert "later: big is put first" in cells
    assert not [a for _, a in svg.elements if "class" in a or "style" in a]


def test_the_page_says_the_same() -> None:
    lines = seen(graph_page(DRAWN))
    assert "rule private stays <text>:14 | | out | | 'private' in tags" in lines
    assert "rule later in shadow<text>:16 | | put first | | 'later' in tags" in lines
    assert "task code <text>:10 | below its tier" in lines


@pytest.mark.parametrize("rules", [0, 320])
def test_of_any_size(rules: int) -> None:
    line = "  - {{ name: rule {0}, when: {{ tags: t{0} }}, avoid: [big] }}\n"
    many = "".join(line.format(number) for number in range(rules))
    head = POLICY.partition("rules:")[0]
    drawn = matrix(load(text=f"{head}rules:\n{many}" if rules else head))
    assert len(drawn.rows) == rules + 3
    assert not tree(graph_svg(drawn)).unbalanced
