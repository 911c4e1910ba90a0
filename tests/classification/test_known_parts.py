"""Content of an unknown type is found, in bodies of every dialect."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.base_errors import UsageError
from policy_router.classification.known_parts import unknown_part
from policy_router.classification.reading import read_request
from policy_router.domain.content import ITEMS, NEED_OF_PART, PARTS
from policy_router.domain.dialect import Dialect
from policy_router.intake import classify
from policy_router.language.files import PolicyFile
from policy_router.language.load import compile_files

CHAT, MESSAGES, RESPONSES = Dialect


def parts(*kinds: object) -> list[dict[str, object]]:
    return [{"type": kind} for kind in kinds]


def result(*kinds: str) -> dict[str, object]:
    return {"type": "tool_result", "content": parts(*kinds)}


FOUND: list[tuple[Dialect, dict[str, object], str | None]] = [
    (CHAT, {"messages": [{"role": "user", "content": parts("text", "hologram")}]}, "hologram"),
    (CHAT, {"messages": [{"role": "user", "content": parts("text", "image_url")}]}, None),
    (CHAT, {"messages": [{"role": "user", "content": "hologram"}]}, None),
    (MESSAGES, {"system": parts("text", "hologram"), "messages": []}, "hologram"),
    (MESSAGES, {"system": "text", "messages": [{"content": parts("search_result")}]}, None),
    (MESSAGES, {"messages": [{"content": [result("text", "hologram")]}]}, "hologram"),
    (MESSAGES, {"messages": [{"content": [result("text", "image", "document")]}]}, None),
    (RESPONSES, {"input": parts("function_call", "hologram_call")}, "hologram_call"),
    (RESPONSES, {"input": [{"role": "user", "content": parts("input_text", "holo")}]}, "holo"),
    (RESPONSES, {"input": [{"type": "message", "content": parts("output_text")}]}, None),
    (RESPONSES, {"input": [{"type": "function_call_output", "output": parts("holo")}]}, "holo"),
    (RESPONSES, {"input": [{"type": "function_call_output", "output": "holo"}]}, None),
    (RESPONSES, {"input": "hi"}, None),
    (RESPONSES, {"input": ["hi", 3]}, None),
]


@pytest.mark.parametrize(("dialect", "body", "expected"), FOUND)
def test_the_first_unknown_type_is_found(
    dialect: Dialect, body: dict[str, object], expected: str | None
) -> None:
    assert unknown_part(body, dialect) == expected
    assert read_request(body, dialect=dialect).unknown_part == expected


@pytest.mark.parametrize("kind", sorted(PARTS))
def test_parts_of_every_dialect_are_known(kind: str) -> None:
    for dialect, name in ((CHAT, "messages"), (MESSAGES, "messages"), (RESPONSES, "input")):
        body = {name: [{"role": "user", "content": parts(kind)}]}
        assert unknown_part(body, dialect) is None
        needs = read_request(body, dialect=dialect).needs
        assert needs == ({NEED_OF_PART[kind]} if kind in NEED_OF_PART else set())


@pytest.mark.parametrize("kind", sorted(ITEMS))
def test_items_of_responses_are_known(kind: str) -> None:
    assert unknown_part({"input": parts(kind)}, RESPONSES) is None


@given(
    st.recursive(
        st.none() | st.text(max_size=5) | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(("type", "content", "output", "input", "messages", "system")),
                inner,
                max_size=3,
            )
        ),
        max_leaves=12,
    ).map(lambda value: {"messages": value, "input": value, "system": value}),
    st.sampled_from(Dialect),
)
def test_any_body_can_be_searched(body: dict[str, object], dialect: Dialect) -> None:
    found = unknown_part(body, dialect)
    assert found is None or found not in PARTS


def test_a_request_with_unknown_content_is_refused_by_name() -> None:
    text = "version: 1\nmodels: { m: { model: acme/m, tier: light, price: free } }\n"
    policy = compile_files([PolicyFile("p.yaml", text.encode())]).policy
    assert policy is not None
    body: dict[str, object] = {"input": parts("hologram")}
    with pytest.raises(UsageError, match="unknown type of part `hologram`: the known ones are"):
        classify(policy, read_request(body, dialect="responses"))
    message = {"role": "user", "content": parts("text", "hologram")}
    with pytest.raises(UsageError, match=r"content\[1\]`: unknown type of part `hologram`"):
        classify(policy, [message])
