"""What callers send becomes one Request, whoever sends it; what is unknown is refused."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import pytest

from policy_router import (
    Bounds,
    TooLargeError,
    UsageError,
    classify,
    decide,
    load,
    read_request,
)
from policy_router.classification.classifier import Classifier
from policy_router.domain.dialect import Dialect
from policy_router.domain.original import OriginalRequest
from policy_router.intake import Intake, take_in
from policy_router.options import FACTS, OPTIONS, ChatParameters
from policy_router.providers.requests.body import PARAMETERS
from tests.agent_bodies import RENDERED, Conversation, Human

if TYPE_CHECKING:
    from policy_router.options import RequestOptions

POLICY = load(
    text="""\
version: 1
models:
  small: { model: openai/small, tier: light, price: free }
tasks: { sums: { keywords: [sum] }, rest: {} }
"""
)
HELLO = [{"role": "user", "content": "Hello!"}]
SUMS = [{"role": "user", "content": "The sum of 2 and 3"}]
TOOL = {"type": "function", "function": {"name": "f"}}


def take(messages: Any = None, *, always: bool = False, **options: Any) -> Intake:
    given = cast("RequestOptions", options)
    return take_in(Classifier(POLICY), messages, given, always_classify=always)


@pytest.mark.parametrize("messages", [(), HELLO], ids=["facts alone", "messages"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tag": ["private"]}, "unknown parameter `tag`; did you mean `tags`?"),
        ({"usr": "ada"}, "unknown parameter `usr`; did you mean `user`?"),
        ({"max_costs": 1}, "unknown parameter `max_costs`; did you mean `max_cost`?"),
        ({"temprature": 0}, "unknown parameter `temprature`; did you mean `temperature`?"),
        ({"extra": {}}, "unknown parameter `extra`"),
        ({"q" * 99: 1}, f"unknown parameter `{'q' * 59}…`"),
        ({"api_base": "http://e"}, "`api_base` cannot be set here: a model's `api_base` says"),
        ({"timeout": 5}, "`timeout` cannot be set here: the policy's `fallback.deadline`"),
        ({"extra_body": {"api_key": "k"}}, "`api_key` cannot be set here: a model's"),
        ({"extra_body": {"models": []}}, "unknown parameter `models`"),
        ({"extra_body": {5: 1}}, "unknown parameter `5`"),
        ({"extra_body": {"user": "ada"}}, "`user` cannot be set in `extra_body`: pass it as an"),
        ({"extra_body": {"messages": HELLO}}, "`messages` cannot be set in `extra_body`"),
        ({"extra_body": {"seed": 1}, "seed": 1}, "`seed` is given twice: as an argument and in"),
        ({"extra_body": ["seed"]}, "`extra_body` must be a mapping of names to values"),
        ({"max_tokens": "5"}, "`max_tokens` must be an integer"),
        ({"tags": "private"}, "`tags` must be a list of strings, not `private`"),
        ({"needs": ["tools", 5]}, "`needs` must be a list of strings; it contains `5`"),
        (
            {"max_cost": "much"},
            "`max_cost` must be an amount in US dollars such as `$0.05`, not `much`",
        ),
        ({"max_cost": True}, "`max_cost`"),
        (
            {"max_price": "$3/M"},
            "`max_price` must be an amount in US dollars such as `$0.05`, not `$3/M`",
        ),
        ({"task": ["code"]}, "`task` must be a string"),
    ],
)
def test_what_is_unknown_is_refused(messages: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as refused:
        classify(POLICY, messages, **options)
    assert message in str(refused.value)


def test_every_parameter_of_a_body_is_an_option() -> None:
    assert ChatParameters.__optional_keys__ == PARAMETERS - {"messages", "user"}
    assert not ChatParameters.__optional_keys__ & FACTS
    assert {*FACTS, *ChatParameters.__optional_keys__, "extra_body", "original"} == OPTIONS


def test_what_the_caller_leaves_open_is_read_from_the_messages() -> None:
    request = classify(POLICY, SUMS, tools=[TOOL], needs={"json"})
    assert request.task == "sums"
    assert isinstance(request.complexity, float)
    assert request.needs == {"tools", "json"}
    assert 0 < request.tokens <= (request.max_input_tokens or 0)


def test_what_the_caller_states_is_kept() -> None:
    request = classify(
        POLICY, SUMS, task="rest", complexity="hard", tokens=10**6, tags=("a", "b"), tenant="t",
        user="u", team="m", key="k", language="de", attributes={"plan": "pro"}, max_latency=2,
        min_quality=0.5, prefer=["free"], model="small", max_candidates=1, stream=True,
        max_completion_tokens=7, n=2,
    )  # fmt: skip
    assert (request.task, request.complexity, request.tokens) == ("rest", "hard", 10**6)
    assert request.max_input_tokens == 10**6
    assert (request.tags, request.prefer, request.stream) == ({"a", "b"}, ("free",), True)
    assert (request.tenant, request.user, request.team, request.key) == ("t", "u", "m", "k")
    assert (request.language, request.attributes) == ("de", {"plan": "pro"})
    assert (request.max_latency, request.min_quality, request.model) == (2, 0.5, "small")
    assert take(HELLO, max_price="$2.50").request.max_price_nano_usd == 2_500_000_000
    assert (request.max_candidates, request.max_tokens, request.answers) == (1, 7, 2)


def test_without_messages_the_other_arguments_are_the_request() -> None:
    empty = classify(POLICY)
    assert (empty.task, empty.complexity, empty.tokens, empty.needs) == (None, None, 0, set())
    request = classify(POLICY, tools=[TOOL], max_tokens=9, n=3, web_search_options={})
    assert request.needs == {"tools", "hosted_tools"}
    assert (request.max_tokens, request.answers, request.task) == (9, 3, None)
    assert take(tools=[TOOL]).body is None


@pytest.mark.parametrize("cost", [0.05, "0.05", "$0.05", Decimal("0.05")])
def test_a_cost_is_dollars(cost: Any) -> None:
    assert classify(POLICY, max_cost=cost).max_cost_nano_usd == 50_000_000


def test_auto_is_no_constraint_on_the_model() -> None:
    plain, auto = classify(POLICY), classify(POLICY, model="auto")
    assert auto.model == "auto"  # conditions can read it
    assert decide(POLICY, auto).candidates == decide(POLICY, plain).candidates


def test_extra_body_is_sent_like_arguments() -> None:
    body = take(HELLO, temperature=0, extra_body={"top_p": 0.5, "max_tokens": 5}).body
    assert body is not None
    assert dict(body) == {"messages": HELLO, "temperature": 0, "top_p": 0.5, "max_tokens": 5}


def test_no_fact_is_sent() -> None:
    body = take(HELLO, user="ada", tags=["a"], model="small", max_cost=1, task="rest").body
    assert body is not None
    assert dict(body) == {"messages": HELLO}


def test_the_classification_is_made_where_it_is_needed() -> None:
    assert take(SUMS).is_estimated
    assert not take(SUMS, complexity=0.5).is_estimated
    both: dict[str, Any] = {"task": "rest", "complexity": 0.5}
    assert take(SUMS, **both).classification is None
    explained = take(SUMS, **both, always=True)
    assert explained.classification is not None
    assert not explained.is_estimated
    assert explained.request == take(SUMS, **both).request
    assert take().classification is None


def test_bounds_hold_for_facts_and_for_the_body() -> None:
    few = Bounds(messages=1, facts=1, fact_characters=5)
    for options in ({"tags": ["a", "b"]}, {"user": "longer"}, {"prefer": iter("ab")}):
        with pytest.raises(TooLargeError):
            take_in(Classifier(POLICY), HELLO, options, bounds=few)  # type: ignore[arg-type]  # as a caller without types
    with pytest.raises(TooLargeError):
        take_in(Classifier(POLICY), HELLO * 2, {}, bounds=few)


def test_what_can_be_read_once_is_read_once() -> None:
    assert classify(POLICY, tags=iter(["a"])).tags == {"a"}  # type: ignore[arg-type]  # as above


AGENT_HEADERS = {
    "X-Claude-Code-Session-Id": "s-1",
    "x-claude-code-parent-agent-id": "a",
    "x-claude-code-request-class": "subagent",
}
FACTS_OF_HEADERS = {
    "session": "s-1", "client": "claude-code", "subagent": True, "housekeeping": False,
    "turn": 1, "tool_errors": 0,
}  # fmt: skip


def test_facts_of_the_client_are_read_from_its_headers() -> None:
    request = classify(POLICY, HELLO, headers=AGENT_HEADERS)
    assert {name: getattr(request, name) for name in FACTS_OF_HEADERS} == FACTS_OF_HEADERS
    bare = classify(POLICY, HELLO)
    assert (bare.session, bare.client, bare.subagent) == (None, None, False)
    alone = classify(POLICY, headers=AGENT_HEADERS)
    assert (alone.session, alone.turn) == ("s-1", None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("session", "mine"), ("client", "script"), ("subagent", False), ("housekeeping", True),
        ("turn", 7), ("tool_errors", 3),
    ],
)  # fmt: skip
def test_what_the_caller_states_of_the_client_takes_precedence(name: str, value: Any) -> None:
    options: Any = {"headers": AGENT_HEADERS, name: value}
    request = classify(POLICY, HELLO, **options)
    expected = {**FACTS_OF_HEADERS, name: value}
    assert {name: getattr(request, name) for name in FACTS_OF_HEADERS} == expected


def test_headers_that_cannot_be_used_are_left_out_and_other_values_refused() -> None:
    odd: Any = {"x-session-id": "x" * 100_000, "x-session-affinity": "a\x00b", 7: None}
    assert classify(POLICY, HELLO, headers=odd).session is None
    wrong: Any = ["x-session-id"]
    with pytest.raises(UsageError, match="`headers` must be a mapping"):
        classify(POLICY, HELLO, headers=wrong)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"context_tokens": -1}, "`context_tokens` must be an integer from 0"),
        ({"context_tokens": 1.5}, "`context_tokens` must be an integer from 0"),
        ({"history": True}, "`history` must be an integer from 0"),
        ({"history": 10**400}, "`history` must be an integer from 0"),
        ({"criticality": 1.5}, "`criticality` must be a number from 0 to 1"),
        ({"criticality": True}, "`criticality` must be a number from 0 to 1"),
        ({"criticality": "high"}, "`criticality` must be a number from 0 to 1"),
    ],
)
def test_odd_numbers_about_the_difficulty_are_refused(options: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        classify(POLICY, HELLO, **options)


@pytest.mark.parametrize("more", [{"context_tokens": 50_000}, {"history": 8}, {"criticality": 0.8}])
def test_who_knows_more_than_the_text_says_so_in_numbers(more: Any) -> None:
    score = classify(POLICY, HELLO).complexity
    assert float(classify(POLICY, HELLO, **more).complexity or 0) > float(score or 0)


def test_what_the_caller_says_of_criticality_takes_the_place_of_the_task_s() -> None:
    policy = load(
        text="version: 1\nmodels: { a: { model: openai/a, tier: light, price: free } }\n"
        "tasks:\n  court: { keywords: [court], criticality: 1.0 }\n"
    )
    ask = [{"role": "user", "content": "To which court do I go?"}]
    high, low = classify(policy, ask), classify(policy, ask, criticality=0)
    low_score = float(low.complexity or 0)
    assert high.complexity == pytest.approx(low_score + (1 - low_score) / 2)


@pytest.mark.parametrize("dialect", RENDERED)
def test_a_request_of_any_dialect_is_classified(dialect: str) -> None:
    policy = load("policies")
    talk = Conversation([Human("Write a Python function that adds.")], max_tokens=900)
    reading = read_request(RENDERED[dialect](talk), headers=AGENT_HEADERS, dialect=dialect)
    request = classify(policy, reading, tags=["a"], user="ada")
    plain = classify(policy, [{"role": "user", "content": "Write a Python function that adds."}])
    assert (request.task, request.complexity) == (plain.task, plain.complexity)
    assert (request.session, request.max_tokens, request.stream) == ("s-1", 900, True)
    assert (request.tags, request.user) == ({"a"}, "ada")
    assert request.max_input_tokens == reading.max_input_tokens
    named = classify(policy, reading, task="code", complexity=0.5)
    assert (named.complexity, named.confidence, named.tokens) == (0.5, None, reading.tokens)


@pytest.mark.parametrize("dialect", ["chat", "messages", "responses"])
def test_the_model_that_a_body_asks_for_is_that_of_the_request(dialect: str) -> None:
    name = "input" if dialect == "responses" else "messages"
    reading = read_request({"model": "gpt-4o", name: HELLO}, dialect=dialect)
    assert classify(POLICY, reading).model == "gpt-4o"
    assert classify(POLICY, reading, model=None).model == "gpt-4o"
    assert classify(POLICY, reading, model="auto").model == "auto"
    assert classify(POLICY, read_request({name: HELLO}, dialect=dialect)).model is None


SEARCHING = load(
    text="""\
version: 1
detect: [card, email]
models:
  here: { model: ollama_chat/llama3.2, tier: light, price: free, context: 8k, tags: [local] }
  there: { model: openai/small, tier: light, price: free }
rules:
  - { name: cards stay here, when: { detected: card }, only: [local] }
"""
)
SENSITIVE = [
    {"role": "user", "content": "Pay it, and tell ada@example.com"},
    {"role": "tool", "tool_call_id": "1", "content": "4111 1111 1111 1111, from 10.1.2.3"},
]


def test_messages_are_searched_for_the_kinds_that_the_policy_lists() -> None:
    request = classify(SEARCHING, SENSITIVE)
    assert request.detected == {"card", "email"}
    assert [c.name for c in decide(SEARCHING, request).candidates] == ["here"]
    assert classify(SEARCHING, HELLO).detected == frozenset()
    assert classify(POLICY, SENSITIVE).detected == frozenset()
    stated = classify(SEARCHING, SENSITIVE, task=None, complexity=0.5)
    assert stated.detected == {"card", "email"}


def test_instructions_of_every_dialect_are_searched() -> None:
    card = "4111 1111 1111 1111"
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("chat", {"messages": [{"role": "system", "content": card}, *HELLO]}),
        ("messages", {"system": card, "messages": HELLO}),
        ("responses", {"instructions": card, "input": "Hello!"}),
        ("responses", {"input": card}),
    ]
    for dialect, body in bodies:
        assert read_request(body, dialect=dialect, detect=SEARCHING.detect).detected == {"card"}
        assert read_request(body, dialect=dialect).detected == frozenset()


@pytest.mark.parametrize("dialect", [Dialect.MESSAGES, Dialect.RESPONSES])
def test_the_bound_on_tokens_holds_for_the_body_as_the_client_sent_it(dialect: Dialect) -> None:
    """What only a model of the client's dialect gets, such as earlier thoughts, has tokens, too."""
    thought = "hmm " * 5_000
    turns: list[dict[str, Any]] = [{"role": "user", "content": "hello"}]
    if dialect is Dialect.MESSAGES:
        block = {"type": "thinking", "thinking": thought, "signature": "s"}
        body: dict[str, Any] = {"messages": [*turns, {"role": "assistant", "content": [block]}]}
    else:
        item = {"type": "reasoning", "summary": [], "encrypted_content": thought}
        body = {"input": [*turns, item]}
    plain = take(turns).request.max_input_tokens
    relayed = take(turns, original=OriginalRequest(dialect, body)).request.max_input_tokens
    assert plain is not None
    assert relayed is not None
    assert plain < len(thought) <= relayed
    # It is never below that of the translation either.
    empty = OriginalRequest(dialect, {})
    assert take(turns, original=empty).request.max_input_tokens == plain


@pytest.mark.parametrize(
    "rest",
    [
        {},
        {"tools": [{"type": "function", "function": {"name": "f", "description": "long " * 50}}]},
        {"response_format": {"type": "json_object"}, "prediction": {"content": "long " * 50}},
        {"not_translated": "long " * 50},
    ],
    ids=lambda rest: " ".join(rest) or "messages",
)
def test_what_a_translation_shares_with_its_body_has_one_size(rest: dict[str, Any]) -> None:
    turns: list[dict[str, Any]] = [{"role": "user", "content": "hello", "extra": "field"}]
    body = {"messages": turns, **rest}
    parameters = {name: value for name, value in rest.items() if name != "not_translated"}
    bounds = [
        take(turns, original=OriginalRequest(Dialect.CHAT, sent), **parameters)
        for sent in (body, copy.deepcopy(body))  # the same objects; others that are equal
    ]
    assert bounds[0].request == bounds[1].request
    longer = {**body, "messages": [*turns, {"role": "user", "content": "more " * 50}]}
    more = take(turns, original=OriginalRequest(Dialect.CHAT, longer), **parameters).request
    assert (more.max_input_tokens or 0) > (bounds[0].request.max_input_tokens or 0)
