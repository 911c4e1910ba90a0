from __future__ import annotations

import pytest

from policy_router.domain.models import Model
from policy_router.domain.prices import FREE_PRICE, Price
from policy_router.language.compile.selectors import Selectors, is_pattern, known_words


def model(name: str, calls: str, tier: str, tags: str = "", *, free: bool = False) -> Model:
    price = FREE_PRICE if free else Price(1, 1)
    return Model(
        name=name, provider_model=calls, tier=tier, rank=0, price=price, free=free,
        tags=frozenset(tags.split()),
    )  # fmt: skip


MODELS = (
    model("here", "ollama_chat/llama", "small", "local eu", free=True),
    model("gift", "openrouter/qwen/coder:free", "middle", free=True),
    model("sonnet", "anthropic/claude-sonnet", "large", "eu paid-for"),
    model("other", "openrouter/qwen/coder", "middle", "here"),
    model("odd", "openai/gpt", "large", "free"),
)


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("sonnet", ["sonnet"]),
        ("here", ["here", "other"]),
        ("middle", ["gift", "other"]),
        ("eu", ["here", "sonnet"]),
        ("free", ["here", "gift", "odd"]),
        ("paid", ["sonnet", "other", "odd"]),
        ("anthropic/claude-sonnet", ["sonnet"]),
        ("openrouter/*", ["gift", "other"]),
        ("openrouter/*:free", ["gift"]),
        ("o*", ["gift", "here", "odd", "other"]),
        ("*", ["here", "gift", "sonnet", "other", "odd"]),
        ("?????t", ["sonnet"]),
        ("[hg]*", ["here", "gift"]),
        ("Sonnet", []),
        ("nobody", []),
        ("", []),
        ("[", []),
    ],
)
def test_what_a_word_stands_for(word: str, names: list[str]) -> None:
    found = Selectors(MODELS).select(word)
    assert set(found) <= {m.name for m in MODELS}
    assert sorted(found) == sorted(names)
    assert list(found) == [m.name for m in MODELS if m.name in found]


@pytest.mark.parametrize(
    ("word", "expected"), [("a*", True), ("a?", True), ("[a]", True), ("a", False), ("a.b", False)]
)
def test_patterns(word: str, *, expected: bool) -> None:
    assert is_pattern(word) is expected


def test_every_known_word_is_listed_once_names_first() -> None:
    words = known_words(MODELS, ("small", "middle", "large"))
    assert words[:5] == tuple(m.name for m in MODELS)
    assert len(set(words)) == len(words)
    assert {"local", "eu", "free", "paid", "anthropic/claude-sonnet", "large"} <= set(words)
