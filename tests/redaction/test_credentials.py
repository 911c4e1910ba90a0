"""What is recognised as a credential, wherever it is shown."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.diagnostics import Diagnostic, Severity
from policy_router.language.schema import generated
from policy_router.redaction.fields import fields, is_literal
from policy_router.redaction.mask import find, mask, remove
from policy_router.redaction.message import redact
from policy_router.redaction.names import is_name_of_secret, is_secret_name

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
    "pplx-" + LETTERS,
    "glpat-" + LETTERS,
    "nvapi-" + LETTERS,
    "r8_" + LETTERS,
    "csk-" + LETTERS,
    "npm_" + LETTERS + "0123",
    "sk_live_" + LETTERS,
    "hvs." + LETTERS,
    "dapi" + "0123456789abcdef" * 2,
    "SG." + LETTERS + "." + LETTERS,
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
@pytest.mark.parametrize("around", ["{}", "'{}'", "key={} # mine", "({})", "ä {} ö"])
def test_credentials_are_found_and_masked(key: str, around: str) -> None:
    text = around.format(key)
    start = text.index(key)
    assert find(text) == [(start, start + len(key))]
    masked = mask(text)
    assert len(masked) == len(text)
    assert key[8:] not in masked
    assert masked == around.format(key[:6] + "*" * (len(key) - 6))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("api_key: 0123456789abcdef", "api_key: ****************"),
        ("api_key: " + CREDENTIALS[0], "api_key: " + "*" * len(CREDENTIALS[0])),
        ("{'apiKey': 'hunter2', 'x': 1}", "{'apiKey': '*******', 'x': 1}"),
        ('"password" : "two words"', '"password" : "*** *****"'),
        ("Authorization: Bearer abc.def", "Authorization: ****** *******"),
        ("sent Bearer abc.def now", "sent Bearer ******* now"),
        ("sent Basic dXNlcjpwdw==", "sent Basic ************"),
        ("pasword=hunter2, next", "pasword=*******, next"),
        ("api key provided: abc", "api key provided: ***"),
        ("redis://:hunter2@host:6379/0", "redis://:*******@host:6379/0"),
        ("https://ann:hunter2@host", "https://ann:*******@host"),
        ("https://hunter2@host", "https://*******@host"),
        ("https://hunter2:@host", "https://********@host"),
        ("https://h/v1?api_key=hunter2&x=1", "https://h/v1?api_key=*******&x=1"),
        ("https://h/v1?sig=abc#top", "https://h/v1?sig=***#top"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----\n******\n-----END RSA PRIVATE KEY-----",
        ),
    ],
)
def test_what_a_name_or_an_address_says_is_a_credential_is_masked(text: str, shown: str) -> None:
    assert mask(text) == shown
    assert mask(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "tokens: 200k/hour",
        "max_tokens: 8192",
        "first_token_within: 30s",
        "api_key_env: OPENAI_API_KEY",
        "token == 'abc'",
        "the basic authentication of a bearer is refused",
        "a token is a piece of a word",
        "https://medium.com/@someone",
        "https://h/v1?version=2",
        "per: key",
    ],
)
def test_what_only_sounds_like_one_is_shown(text: str) -> None:
    assert mask(text) == text


@pytest.mark.parametrize(
    "name",
    [
        "api_key", "apiKey", "API-Key", "x-api-key", "api_kye", "apikye", "ap_key", "api_keys",
        "openai_key", "token", "auth_token", "secret", "client_secret", "secrte", "pasword",
        "passwrod", "Authorization", "authorisation", "credentials", "AWS_SECRET_ACCESS_KEY",
    ],
)  # fmt: skip
def test_names_of_fields_that_hold_a_credential(name: str) -> None:
    assert is_secret_name(name)
    assert not is_name_of_secret(name)
    assert is_name_of_secret(f"{name}_env")
    assert not is_secret_name(f"{name}_env")


def test_no_field_of_the_language_holds_a_credential() -> None:
    names: set[str] = set()

    def gather(node: object) -> None:
        if isinstance(node, dict):
            names.update(node.get("properties", ()))
            for inner in node.values():
                gather(inner)
        elif isinstance(node, list):
            for inner in node:
                gather(inner)

    gather(generated())
    assert "tokens" in names
    assert [name for name in names if is_secret_name(name)] == []
    assert [name for name in names if is_name_of_secret(name)] == ["api_key_env"]


@pytest.mark.parametrize("name", ["", "1", "sort_key", "key", "max_tokens", "tokens", "keywords"])
def test_names_of_other_fields(name: str) -> None:
    assert not is_secret_name(name)
    assert not is_name_of_secret(name)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("api_key: abc", ["abc"]),
        ("api_key: 'a b' # c", ["a b"]),
        ('"api_key": "a\\"b"', ['a\\"b']),
        ("{ api_key: abc, x: y }", ["abc"]),
        ("x: [{ api_key: a b }]", ["a b"]),
        ("api_key: one\n  two\nx: y", ["one\n  two"]),
        ("api_key: 'open\nx: y", ["open"]),
        ("api_key: [a,\n b]\nx: y", ["[a,\n b]"]),
        ("api_key: [a,\nx: y", ["[a,"]),
        ("api_key:\n  - a\n  - b\nx: y", ["\n  - a\n  - b"]),
        ("api_key: |\n  a\n\n  b\nx: y", ["\n  a\n\n  b"]),
        ("api_key: !!str abc", [" abc"]),
        ("api_key:\nx: y", []),
        ("api_key: null", []),
        ("api_key: true", []),
        ("api_key_env: OPENAI_API_KEY", []),
        ("m: { tier: t,\n  api_key_env: OPENAI_API_KEY, context: 8k }", []),
        ("m: { tier: t,\n  api_key_env: OPENAI_API_KEY }", []),
        (
            "m: { tier: t,\n  api_key_env: 0123456789abcdef, context: 8k }",
            ["0123456789abcdef, context: 8k }"],
        ),
        ("api_key_env: my_own_key", []),
        ("api_key_env: 0123456789abcdef", ["0123456789abcdef"]),
        ("api_key_env: ABCDEF0123456789", ["ABCDEF0123456789"]),
        ("models:\n  x:\n    key: abc", ["abc"]),
        ("rules:\n  - name: r\n    when: { key: abc }", []),
        ("rules:\n  - name: r\n    when:\n      key: abc", []),
        ("tasks:\n  # words\n  secret:\n    keywords: [x]", []),
        ("tasks: { a: { x: [1] }, secret: { keywords: [x] } }", []),
        ("attributes: { token: string }", []),
        ("key: abc", ["abc"]),
    ],
)
def test_values_under_fields_for_credentials(text: str, values: list[str]) -> None:
    found = [text[field.start : field.end] for field in fields(text)]
    assert [v.lstrip("!str") for v in found] == values if "!!" in text else found == values


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        ("0123456789abcdef", True), ("two words", True), ("short", False),
        ("$OPENAI_API_KEY", False),
        ("${OPENAI_API_KEY}", False), ("OPENAI_API_KEY", False), ("<your key>", False),
        ("os.environ/OPENAI_API_KEY", False),
    ],
)  # fmt: skip
def test_a_reference_is_no_credential(value: str, *, literal: bool) -> None:
    assert is_literal(value) is literal


@pytest.mark.parametrize("around", ["bad key {} given", "Authorization: Bearer {}", "password={}"])
@pytest.mark.parametrize("key", CREDENTIALS, ids=[k[:8] for k in CREDENTIALS])
def test_diagnostics_and_messages_of_providers_hide_the_same(key: str, around: str) -> None:
    text = around.format(key)
    for shown in (Diagnostic("rule", Severity.ERROR, text, None).message, redact(text, None)):
        assert key[8:] not in shown
        assert "***" in shown


@pytest.mark.parametrize("text", ["password=hunter2", "Authorization: Bearer abc.def", "pwd: 'x1'"])
def test_diagnostics_and_messages_hide_what_a_name_says(text: str) -> None:
    for shown in (Diagnostic("rule", Severity.ERROR, text, None).message, redact(text, None)):
        assert text.partition("=")[0].partition(":")[0] in shown
        assert not any(secret in shown for secret in ("hunter2", "abc.def", "x1"))


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_credential_is_left_alone(text: str) -> None:
    assert find(text) == []
    assert mask(text) == text


NAMES = [
    "claude-sonnet-4-5-20250929-thinking", "anthropic/claude-sonnet-4-5-20250929",
    "gpt-4o-mini-search-preview-2025-03-11", "unsloth/DeepSeek-R1-0528-Qwen3-8B-GGUF",
    "mistralai/mixtral-8x22b-instruct-v0", "Qwen3-235B-A22B-Instruct-2507-FP8",
    "mcp__claude_ai_Google_Calendar2__authenticate", "/v1/messages/count_tokens",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_long_names_of_models_and_tools_stay_in_messages(name: str) -> None:
    text = f"unknown name `{name}`"
    assert remove(text) == text


@given(st.binary(min_size=18, max_size=48))
def test_random_text_is_never_taken_for_a_name(key: bytes) -> None:
    token = "7" + urlsafe_b64encode(sha256(key).digest()[:24]).decode()
    assert remove(f"the token {token} is not known") == "the token *** is not known"


def test_several_in_one_text() -> None:
    text = " and ".join(CREDENTIALS)
    assert len(find(text)) == len(CREDENTIALS)
    assert not any(key in mask(text) for key in CREDENTIALS)


PIECES = st.lists(st.sampled_from([*CREDENTIALS, *HARMLESS]) | st.text(max_size=8), max_size=5)


@given(PIECES, st.sampled_from(["", " ", "\n", ".", "/", '"']))
def test_masking_keeps_the_length_and_leaves_nothing_to_find_twice(
    pieces: list[str], between: str
) -> None:
    text = between.join(pieces)
    masked = mask(text)
    assert len(masked) == len(text)
    assert mask(masked) == masked
    spans = find(text)
    assert spans == sorted(spans)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
