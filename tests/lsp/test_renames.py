"""Names that get other names, everywhere and nowhere else."""

from __future__ import annotations

from typing import Final

import pytest

from policy_router.base_errors import UsageError
from policy_router.language.write.text_edit import apply
from policy_router.lsp.rename import rename

MODELS: Final = """\
version: 1
tiers: [light, heavy]
models:
  small: { model: openai/small, tier: light, price: free, context: 8k, tags: [local] }  # small
  other: { like: small }
  large: { model: openai/large, tier: heavy, price: free, context: 8k }
"""
RULES: Final = """\
tasks:
  small: { first: [small, light] }
rules:
  - name: small
    when: { task: small }
    only: [small, other]
reports: { baselines: { fair: small } }
tests:
  - name: small
    given: { cooling: [small], session: { s: small } }
    request: { task: small, session: s }
    expect: { order: [small, other], first: small, never: [large] }
"""
SOURCES: Final = {"models.yaml": MODELS, "rules.yaml": RULES}


def test_a_model_is_renamed_where_it_is_named() -> None:
    after = apply(rename(SOURCES, "small", "tiny"), SOURCES)
    assert after["models.yaml"] == MODELS.replace("  small: {", "  tiny: {").replace(
        "like: small", "like: tiny"
    )
    assert after["rules.yaml"] == (
        RULES.replace("first: [small", "first: [tiny")
        .replace("only: [small", "only: [tiny")
        .replace("fair: small", "fair: tiny")
        .replace("cooling: [small]", "cooling: [tiny]")
        .replace("s: small }", "s: tiny }")
        .replace("order: [small", "order: [tiny")
        .replace("first: small", "first: tiny")
    )


def test_a_tier_is_renamed_where_it_is_named() -> None:
    after = apply(rename(SOURCES, "light", "basic"), SOURCES)
    assert after["models.yaml"] == MODELS.replace("light", "basic")
    assert after["rules.yaml"] == RULES.replace("light", "basic")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("nothing", "x", "`nothing` is neither a model nor a tier of this policy"),
        ("small", "large", "`large` has a meaning in this policy already"),
        ("small", "heavy", "`heavy` has a meaning in this policy already"),
        ("small", "free", "`free` has a meaning in this policy already"),
        ("small", "local", "`local` has a meaning in this policy already"),
        ("small", "", "`` cannot be its name: "),
    ],
)
def test_names_that_cannot_be(old: str, new: str, message: str) -> None:
    with pytest.raises(UsageError) as refusal:
        rename(SOURCES, old, new)
    assert message in str(refusal.value)


def test_a_file_that_is_one_word_yet() -> None:
    with pytest.raises(UsageError, match="`vers` is neither a model nor a tier"):
        rename({"a": "vers"}, "vers", "version")


def test_files_that_cannot_be_read() -> None:
    with pytest.raises(UsageError, match="fix it before names are changed"):
        rename({"a": "a: &x 1\n"}, "small", "tiny")
