from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router import secrets

# Put together here, so that nothing that searches a repository for keys stumbles over them.
LETTERS = "abcdefghijklmnopqrstuvwxyz"
CREDENTIALS = [
    "sk-" + "4f" + LETTERS[:18],
    "sk-" + "Q" + LETTERS[:15] + "-x_y",
    "sk-svcacct-" + LETTERS,
    "sk-ant-" + "api03-" + LETTERS,
    "sk-proj-" + LETTERS + "0123",
    "sk-or-v1-" + "0123456789abcdef" * 2,
    "AIza" + "SyA" + LETTERS + "0123456",
    "gsk_" + LETTERS,
    "hf_" + LETTERS,
    "xai-" + LETTERS,
    "ghp_" + LETTERS + "0123",
    "github_pat_" + LETTERS + "_0123",
    "xoxb-" + "0123456789-abc",
    "AKIA" + "ABCDEFGHIJKLMNOP",
    "ASIA" + "ABCDEFGHIJ123456",
    "eyJ" + LETTERS + "." + LETTERS + "." + LETTERS,
    "a1B2c3D4e5F6" * 3,
    "Zm9vYmFy1Zm9v2abcdYmFy3Zm9v4YmFy5Zm==",
]
HARMLESS = [
    "",
    "sk-short",
    "sk-translations-legal",
    "sk-translationsforthelegaldepartment",
    "sk-Translations-2026-legal_department",
    "skill-and-patience-are-what-it-takes",
    "ANTHROPIC_API_KEY",
    "SOME_VARIABLE_WITH_A_VERY_LONG_NAME_1",
    "openrouter/qwen/qwen3-coder-480b-a35b-instruct:free",
    "anthropic/claude-haiku-4-5-20251001",
    "bedrock/us.anthropic.claude-3-7-sonnet-20250219-v1:0",
    "https://example.org/a/very/long/path/with/many/parts/1/2/3/4/5",
    "0123456789abcdef0123456789abcdef",
    "a" * 200,
    "tokens > 24_000 and 'batch' in tags",
    "CamelCaseNamesThatAreVeryLongIndeed2Words",
]


@pytest.mark.parametrize("key", CREDENTIALS, ids=[k[:8] for k in CREDENTIALS])
@pytest.mark.parametrize("around", ["{}", "api_key: {}", "'{}'", "key={} # mine", "({})", "ä {} ö"])
def test_credentials_are_found_and_masked(key: str, around: str) -> None:
    text = around.format(key)
    start = text.index(key)
    assert secrets.find(text) == [(start, start + len(key))]
    masked = secrets.mask(text)
    assert len(masked) == len(text)
    assert key[8:] not in masked
    assert masked == around.format(key[:6] + "*" * (len(key) - 6))


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_credential_is_left_alone(text: str) -> None:
    assert secrets.find(text) == []
    assert secrets.mask(text) == text


def test_several_in_one_text() -> None:
    text = " and ".join(CREDENTIALS)
    assert len(secrets.find(text)) == len(CREDENTIALS)
    assert not any(key in secrets.mask(text) for key in CREDENTIALS)


PIECES = st.lists(st.sampled_from([*CREDENTIALS, *HARMLESS]) | st.text(max_size=8), max_size=5)


@given(PIECES, st.sampled_from(["", " ", "\n", ".", "/", '"']))
def test_masking_keeps_the_length_and_leaves_nothing_to_find_twice(
    pieces: list[str], between: str
) -> None:
    text = between.join(pieces)
    masked = secrets.mask(text)
    assert len(masked) == len(text)
    assert secrets.mask(masked) == masked
    spans = secrets.find(text)
    assert spans == sorted(spans)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
