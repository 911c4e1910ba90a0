"""Places in half-written files, and what may stand there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.diagnostics import Span
from policy_router.language.yaml_reader import parse
from policy_router.loading import load
from policy_router.lsp.completion import complete
from policy_router.lsp.cursor import cursor_at
from policy_router.lsp.hover import hover
from policy_router.lsp.names import names_of
from policy_router.lsp.positions import Position, normalized, offset_at, place_of, places_of
from policy_router.lsp.schema_at import keys_of, schemas_at

if TYPE_CHECKING:
    from collections.abc import Iterator

POLICY: Final = """\
version: 1
tiers: [light, heavy]
attributes: { plan: [free, pro], region: string }
tags: [private, batch]
models:
  small: { model: ollama_chat/a, tier: light, price: free, tags: [local] }
  large: { model: openai/b, tier: heavy, tags: [eu] }
tasks:
  code: { min_tier: heavy }
  chat: {}
"""
PRICED: Final = "tier: heavy, context: 8k, price: { input: $1/M, output: $1/M }, tags"
SOURCE, _ = parse("policy", POLICY.encode())
assert SOURCE is not None
NAMES: Final = names_of([SOURCE.data])
SELECTORS: Final = ["small", "large", "light", "heavy", "local", "eu", "free", "paid"]


def items(marked: str) -> list[str]:
    """What may stand at the `|` of a text."""
    offset = marked.index("|")
    cursor = cursor_at(marked[:offset] + marked[offset + 1 :], offset)
    assert cursor is not None
    return [item.text for item in complete(cursor, NAMES)]


def test_every_field_of_the_schema_has_completions_and_a_hover() -> None:
    def fields(names: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
        for name in (*keys_of(schemas_at(names)), "a"):
            if len(names) < 4 and schemas_at((*names, name)):
                yield (*names, name)
                yield from fields((*names, name))

    offered: dict[tuple[str, ...], list[str]] = {}
    for names in fields():
        text = "".join(f"{'  ' * depth}{name}:\n" for depth, name in enumerate(names))
        cursor = cursor_at(f"{text[:-1]} ", len(text))
        assert cursor is not None
        offered[names] = [item.text for item in complete(cursor, NAMES)]
        hover(cursor, None, "p.yaml", 1)
    assert len(offered) > 200
    assert offered["models", "a", "price"][0] == "free"
    assert offered["models", "a", "effort"][0] == "none"


def test_the_only_word_of_a_field_is_explained() -> None:
    text = "models:\n  a: { price: free }\n"
    cursor = cursor_at(text, text.index("free"))
    assert cursor is not None
    assert hover(cursor, None, "p.yaml", 2) == "calls are free"


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("local", "selects `small`"),
        ("free", "selects `small`"),
        ("light", "selects `small`"),
        ("ollama_chat/*", "selects `small`"),
        ("large", "model `openai/b`, tier `heavy`, paid, tags eu"),
    ],
)
def test_a_word_shows_the_models_that_it_selects(word: str, says: str) -> None:
    budget = "budgets: { all: { cap: unlimited } }\n"
    text = f"{POLICY}{budget}rules: [{{ name: r, when: stream, only: [{word}] }}]\n"
    cursor = cursor_at(text, text.rindex(word) + 1)
    assert cursor is not None
    assert hover(cursor, load(text=text.replace("tier: heavy, tags", PRICED)), "p.yaml", 99) == says


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        ("rules:\n  - name: x\n    only: [lo|]\n", SELECTORS),
        ("rules:\n  - name: x\n    only: [|", SELECTORS),
        ("rules:\n  - name: x\n    only: [small, |]\n", SELECTORS[1:]),
        ("aliases: { auto: [|] }\n", SELECTORS),
        ("models:\n  a:\n    tier: |\n", ["light", "heavy"]),
        ("complexity: { bands: { a: { from: 0, min_tier: | } } }\n", ["light", "heavy"]),
        ("models:\n  a: { like: | }\n", ["small", "large"]),
        ("budgets: { team: { cap: $5/day, then: | } }\n", ["free_only", "block", "warn"]),
        ("tests: [{ name: a, expect: { first: | } }]\n", ["small", "large"]),
        ("tests: [{ name: a, expect: { never: [small, |] } }]\n", ["large"]),
        ("tests: [{ name: a, request: { task: | } }]\n", ["code", "chat"]),
        ("rules:\n  - when: \"task == '|'\"\n", ["code", "chat"]),
        ("rules:\n  - when: \"task == '|", ["code", "chat"]),
        ("rules:\n  - when: \"plan in ['free', '|']\"\n", ["free", "pro"]),
        ("rules:\n  - when: \"'|' in tags\"\n", ["private", "batch"]),
        ("rules:\n  - when: { plan: | }\n", ["free", "pro"]),
        ("rules:\n  - when: { plan: [free, |] }\n", ["pro"]),
        ("rules:\n  - when: { tags: | }\n", ["private", "batch"]),
        ("rules:\n  - shadow: |\n", ["true", "false"]),
    ],
)
def test_what_may_stand_there(marked: str, expected: list[str]) -> None:
    assert items(marked) == expected


@pytest.mark.parametrize(
    ("marked", "some", "none"),
    [
        ("|", {"version", "models", "rules"}, set()),
        ("version: 1\nmo|\n", {"models", "rules"}, {"version"}),
        ("rules:\n  - name: x\n    on|\n  - name: y\n", {"only", "when", "deny"}, {"name"}),
        ("models:\n  a:\n    |\n", {"model", "tier", "price"}, set()),
        ("fallback: { on_error: { time| } }\n", {"timeout", "auth"}, set()),
        ("rules:\n  - when: to|\n", {"tokens", "plan", "region"}, {"only"}),
        ("rules:\n  - when: { ta| }\n", {"tags", "task", "plan"}, set()),
        ("prefer: [free, |]\n", {"cheapest", "quality"}, {"free"}),
    ],
)
def test_keys_and_words_that_may_stand_there(marked: str, some: set[str], none: set[str]) -> None:
    found = set(items(marked))
    assert some <= found
    assert not none & found


def test_items_say_what_they_mean() -> None:
    cursor = cursor_at("rules:\n  - on\n", 13)
    assert cursor is not None
    about = {item.text: item.about for item in complete(cursor, NAMES)}
    assert about["only"] == "Exclude all other models."


@pytest.mark.parametrize("text", ["a: [b\nc: }", "a: 1  # comment", "{{{"])
def test_no_place(text: str) -> None:
    assert cursor_at(text, len(text)) is None


def test_names_survive_wrong_shapes() -> None:
    wrong = {"models": [1], "tasks": "x", "tiers": {}, "rules": [1, {"name": 2}], "attributes": 3}
    names = names_of([None, 1, wrong, {"models": {"a": None}}, {"tiers": ["x", 1]}])
    assert (list(names.models), names.tasks, names.tiers, names.rules) == (["a"], (), ("x",), ())
    merged = names_of([{"rules": [{"name": "a"}]}, {"rules": [{"name": "b"}]}])
    assert merged.rules == ("a", "b")


@given(st.text(st.sampled_from("ab\né\u20ac\U0001f600"), max_size=30), st.data())
def test_places_and_characters_are_the_same(text: str, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, len(text)))
    place = place_of(text, offset)
    assert offset_at(text, place) == offset
    before = text[:offset].rpartition("\n")[2]
    assert place.unit == len(before.encode("utf-16-le")) // 2


def test_places_of_a_span_count_utf_16_units() -> None:
    text = "a: 1\n\U0001f600b: 2\n"
    assert places_of(text, Span("f", 2, 2, 2, 3)) == (Position(1, 2), Position(1, 3))
    assert places_of(text, Span("f", 9, 1, 9, 1)) == (Position(8, 0), Position(8, 0))
    assert offset_at(text, Position(9, 3)) == len(text)
    assert normalized("a\r\nb\rc") == "a\nb\nc"
