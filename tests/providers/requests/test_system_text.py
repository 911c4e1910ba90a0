"""What a model gets: the caller's own text and the text of a prompt, in every shape of body."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.decision.prompts import with_prompt
from policy_router.domain.dialect import Dialect
from policy_router.domain.models import Model
from policy_router.domain.original import OriginalRequest
from policy_router.domain.prompts import Placement, Prompt
from policy_router.providers.anthropic_wire.request import to_messages_request
from policy_router.providers.requests.body import Body
from policy_router.providers.requests.bounds import BOUNDS
from policy_router.providers.requests.original_body import chat_body, messages_body
from policy_router.providers.requests.system_text import (
    with_instructions,
    with_system,
    with_system_blocks,
)
from policy_router.providers.requests.wire_body import for_provider, provider_of
from policy_router.providers.responses_wire.original import responses_body

OURS = "Answer with JSON only."
USER = {"role": "user", "content": "hi"}
MARK = {"cache_control": {"type": "ephemeral"}}
BLOCK = {"type": "text", "text": "Be kind.", **MARK}
CALLED = {
    "openai": Model("a", "openai/a", "t", 0),
    "anthropic": Model("a", "anthropic/a", "t", 0),
    "ollama_chat": Model("a", "ollama_chat/a", "t", 0),
}


def prompt(place: Placement | str = "before", **more: Any) -> Prompt:
    return Prompt("p", ("a",), None, OURS, Placement(place), **more)


def text_of(content: Any) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(part["text"] for part in content)


def system_of(messages: list[Any]) -> str:
    """The text of the messages at the beginning that are for the system."""
    texts = []
    for message in messages:
        if message.get("role") not in {"system", "developer"}:
            break
        texts.append(text_of(message.get("content")))
    return "\n\n".join(text for text in texts if text)


def expected(own: str, place: Placement) -> str:
    if place is Placement.REPLACE or not own:
        return OURS
    return f"{OURS}\n\n{own}" if place is Placement.BEFORE else f"{own}\n\n{OURS}"


contents = st.sampled_from(
    ("Be kind.", "Be\nbrief.", [BLOCK], [BLOCK, {"type": "text", "text": "X"}])
)
owners = st.builds(
    lambda role, content: {"role": role, "content": content},
    st.sampled_from(("system", "developer")),
    contents,
)
others = st.lists(
    st.sampled_from(
        (USER, {"role": "assistant", "content": "yes"}, {"role": "system", "content": "mid"})
    ),
    max_size=3,
)


@given(st.lists(owners, max_size=2), others, st.sampled_from(Placement))
def test_what_is_sent_is_the_callers_text_and_that_of_the_prompt(
    own: list[Any], rest: list[Any], place: Placement
) -> None:
    messages = [*own, USER, *rest]
    before = deepcopy(messages)
    sent = with_system(messages, prompt(place))
    assert system_of(sent) == expected(system_of(own), place)
    assert sent[-len(rest) - 1 :] == [USER, *rest]
    assert messages == before
    marks = [part for m in own for part in m["content"] if isinstance(part, dict)]
    kept = [part for m in sent for part in m["content"] if isinstance(part, dict)]
    if place is not Placement.REPLACE:
        assert all(part in kept for part in marks)


@pytest.mark.parametrize(
    ("own", "place", "sent"),
    [
        (None, "before", OURS),
        ("", "after", OURS),
        ("Be kind.", "before", f"{OURS}\n\nBe kind."),
        ("Be kind.", "after", f"Be kind.\n\n{OURS}"),
        ("Be kind.", "replace", OURS),
        ([BLOCK], "before", [{"type": "text", "text": f"{OURS}\n\n"}, BLOCK]),
        ([BLOCK], "after", [BLOCK, {"type": "text", "text": f"\n\n{OURS}"}]),
        ([BLOCK], "replace", OURS),
    ],
)
def test_the_system_of_anthropics_dialect(own: Any, place: str, sent: Any) -> None:
    body = {"messages": [USER], **({} if own is None else {"system": own})}
    assert with_system_blocks(body, prompt(place)) == {"messages": [USER], "system": sent}


@pytest.mark.parametrize(
    ("place", "instructions", "left"),
    [
        ("before", f"{OURS}\n\nBe kind.", 2),
        ("after", f"Be kind.\n\n{OURS}", 2),
        ("replace", OURS, 1),
    ],
)
def test_the_instructions_of_the_responses_api(place: str, instructions: str, left: int) -> None:
    given_items = [{"role": "developer", "content": "Be calm."}, USER]
    body = {"instructions": "Be kind.", "input": given_items}
    sent = with_instructions(body, prompt(place))
    assert (sent["instructions"], len(sent["input"])) == (instructions, left)
    assert with_instructions({"input": "hi"}, prompt(place)) == {
        "input": "hi",
        "instructions": OURS,
    }


def test_a_prompt_without_text_leaves_every_body_as_it_is() -> None:
    bare = Prompt("p", ("a",), params={"seed": 1})
    assert with_system([USER], bare) == [USER]
    assert with_system_blocks({"messages": [USER]}, bare) == {"messages": [USER]}
    assert with_instructions({"input": "hi"}, bare) == {"input": "hi"}


@pytest.mark.parametrize("provider", list(CALLED))
def test_a_typed_body_has_the_text_for_every_provider(provider: str) -> None:
    model = with_prompt(CALLED[provider], prompt("after"))
    body = Body(messages=[{"role": "system", "content": "Be kind."}, USER])
    sent = for_provider(body.sent_to(model), provider_of(model), model)
    assert system_of(sent["messages"]) == f"Be kind.\n\n{OURS}"
    if provider == "anthropic":
        wire = to_messages_request(sent, name="a", max_output=None, stream=False)
        assert text_of(wire["system"]) == f"Be kind.\n\n{OURS}"
    assert body["messages"][0] == {"role": "system", "content": "Be kind."}  # the caller's own
    assert body.prompt is None


def original(dialect: Dialect, given: dict[str, Any], **typed: Any) -> Body:
    return Body(BOUNDS, OriginalRequest(dialect, given), messages=[USER], **typed)


def test_an_original_chat_body_keeps_all_else() -> None:
    given_body = {"messages": [USER], "new_parameter": {"deep": [1, None]}, "temperature": 1}
    model = with_prompt(CALLED["openai"], prompt(params={"temperature": 0, "seed": 7}))
    body = original(Dialect.CHAT, given_body, temperature=1).sent_to(model)
    assert body.original is not None
    sent = chat_body(body.original, body, model)
    assert sent == {
        **given_body,
        "messages": [{"role": "system", "content": OURS}, USER],
        "seed": 7,
    }


def test_an_original_body_of_anthropics_dialect_keeps_all_else() -> None:
    given_body = {
        "system": [BLOCK],
        "messages": [USER, {"role": "system", "content": "In the middle."}],
        "context_management": {"edits": []},
        "max_tokens": 50,
    }
    model = with_prompt(CALLED["anthropic"], prompt("after", max_tokens=9, force=True))
    body = original(Dialect.MESSAGES, given_body, max_tokens=50).sent_to(model)
    assert body.original is not None
    sent = messages_body(body.original, body, model)
    own = {"type": "text", "text": f"\n\n{OURS}"}
    assert sent == {**given_body, "system": [BLOCK, own], "max_tokens": 9}


def test_an_original_body_of_the_responses_api_keeps_all_else() -> None:
    given_body = {"input": "hi", "instructions": "Be kind.", "store": False, "temperature": 1}
    model = with_prompt(CALLED["openai"], prompt(params={"temperature": 0}, force=True))
    body = original(Dialect.RESPONSES, given_body, temperature=1).sent_to(model)
    assert body.original is not None
    sent = responses_body(body.original, body, model)
    assert sent == {**given_body, "instructions": f"{OURS}\n\nBe kind.", "temperature": 0}


PARAMETERS = {"temperature": 0.5, "max_tokens": 40, "seed": 7}
some = st.sets(st.sampled_from(sorted(PARAMETERS)))


def values(names: set[str], number: int) -> dict[str, Any]:
    return dict.fromkeys(names, number)


@given(some, some, some, some, st.booleans())
def test_the_callers_own_parameters_win_unless_forced(
    caller: set[str], fixed: set[str], ours: set[str], usual: set[str], force: bool
) -> None:
    cap = "max_tokens"
    model = Model(
        "a", "openai/a", "t", 0,
        params=values(fixed - {cap}, 11), fixed_output=11 if cap in fixed else None,
        defaults=values(usual - {cap}, 44), default_output=44 if cap in usual else None,
    )  # fmt: skip
    variant = prompt(
        params=values(ours - {cap}, 33), max_tokens=33 if cap in ours else None, force=force
    )
    body = Body(messages=[USER], **values(caller, 22))
    sent = body.sent_to(with_prompt(model, variant))
    ranked = [(fixed, 11), (caller, 22), (ours, 33), (usual, 44)]
    if force:
        ranked = [(ours, 33), (fixed, 11), (caller, 22), (usual, 44)]
    for name in PARAMETERS:
        wanted = next((number for names, number in ranked if name in names), None)
        assert sent.get(name) == wanted
