"""Callers of the embedding program: what they give is an answer, what they raise is a failure."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from policy_router import AllModelsFailedError, Router, UsageError
from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind
from policy_router.providers.user_caller import AdaptedCaller
from tests.own_callers import OwnCaller, answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

POLICY = """\
version: 1
tiers: [light]
models:
  a: { model: openai/a, tier: light, price: free, context: 32k }
  b: { model: openai/b, tier: light, price: free, context: 32k }
tasks: { form: { accept: { json: true } }, chat: {} }
"""
HELLO = [{"role": "user", "content": "A very private question"}]
AS_JSON = {
    "id": "x",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "{}"}}
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}


def opened(folder: Path, caller: Any) -> Router:
    path = folder / "policy.yaml"
    path.write_text(POLICY)
    return Router.open(path, caller=caller, watch="off")


class Wire(Exception):  # noqa: N818  as a client library names it
    status_code = 429


def raises(error: Exception) -> Callable[[str], Any]:
    def answers(name: str) -> Any:
        if name == "a":
            raise error
        return answer("from b")

    return answers


@pytest.mark.parametrize("task", ["form", "chat"])
def test_an_answer_may_be_a_mapping(tmp_path: Path, task: str) -> None:
    with opened(tmp_path, OwnCaller(lambda _: AS_JSON)) as router:
        got = router.completion(HELLO, task=task)
        assert got.choices[0].message.content == "{}"
        assert (got.served_by, got.rejected) == ("a", ())
        assert (got.attempts[0].tokens_in, got.attempts[0].tokens_out) == (3, 2)
        assert got.raw is AS_JSON
        assert got.model_dump() == {**AS_JSON, "object": "chat.completion"}


@pytest.mark.parametrize(
    ("error", "failure", "detail"),
    [
        (ValueError("A very private question"), "unknown", "ValueError"),
        (KeyError("x"), "unknown", "KeyError"),
        (RecursionError(), "unknown", "RecursionError"),
        (TimeoutError(), "timeout", "TimeoutError"),
        (ConnectionRefusedError(), "connect", "ConnectionRefusedError"),
        (Wire("slow down"), "rate_limited", "429"),
        (CallFailed(Failure(FailureKind.OVERLOADED, "busy", 529)), "overloaded", "busy"),
    ],
)
def test_what_it_raises_is_a_failure_of_the_model(
    tmp_path: Path, error: Exception, failure: str, detail: str
) -> None:
    with opened(tmp_path, OwnCaller(raises(error))) as router:
        got = router.completion(HELLO)
        assert got.served_by == "b"
        first = next(a for a in got.attempts if a.model == "a")
        assert (first.failure, first.detail) == (failure, detail)


@pytest.mark.parametrize("nothing", [None, 5, {}, {"choices": None}, {"choices": []}])
def test_what_is_no_answer_is_a_failure(tmp_path: Path, nothing: object) -> None:
    caller = OwnCaller(lambda name: nothing if name == "a" else AS_JSON)
    with opened(tmp_path, caller) as router:
        got = router.completion(HELLO)
        assert (got.served_by, got.attempts[0].failure) == ("b", "malformed")


@pytest.mark.parametrize("stream", [False, True])
def test_a_whole_answer_may_be_a_text(tmp_path: Path, stream: bool) -> None:
    with opened(tmp_path, lambda *_: "an answer") as router:
        if stream:
            with router.completion(HELLO, stream=True) as chunks:
                text = "".join(c.text for c in chunks)
            assert text == "an answer"
            return
        got = router.completion(HELLO)
        assert got.choices[0].message.content == "an answer"
        assert (got.choices[0].finish_reason, got.usage, got.raw) == ("stop", None, "an answer")


def test_errors_raised_on_purpose_come_through(tmp_path: Path) -> None:
    caller = OwnCaller(raises(UsageError("not with me")))
    with opened(tmp_path, caller) as router, pytest.raises(UsageError, match="not with me"):
        router.completion(HELLO)


async def chunks(*given: Any) -> AsyncIterator[Any]:
    for each in given:
        if isinstance(each, Exception):
            raise each
        yield each


def piece(text: str | None, finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}


def test_chunks_may_be_mappings(tmp_path: Path) -> None:
    caller = OwnCaller(lambda _: chunks(piece("one "), piece("two"), piece(None, "stop")))
    with opened(tmp_path, caller) as router:
        with router.completion(HELLO, stream=True) as stream:
            text = "".join(c.choices[0].delta.content or "" for c in stream)
        assert (text, stream.served_by) == ("one two", "a")


@pytest.mark.parametrize(
    "broken",
    [
        lambda: chunks(ValueError("x")),
        lambda: chunks(piece(""), ValueError("x")),
        lambda: 5,
        lambda: [piece("x")],
    ],
    ids=["at once", "before a token", "no stream", "no async stream"],
)
def test_a_stream_that_breaks_before_its_first_token_is_replaced(
    tmp_path: Path, broken: Callable[[], Any]
) -> None:
    def answers(name: str) -> Any:
        return broken() if name == "a" else chunks(piece("from b"), piece(None, "stop"))

    with opened(tmp_path, OwnCaller(answers)) as router:
        with router.completion(HELLO, stream=True) as stream:
            text = "".join(c.choices[0].delta.content or "" for c in stream)
        assert (text, stream.served_by) == ("from b", "b")
        assert stream.attempts[0].failure == "unknown"


async def ask(model: Any, _: Any, timeout: float) -> Any:  # noqa: ASYNC109  as a program writes it
    assert timeout > 0
    if model.name == "a":
        raise ValueError("A very private question")
    return AS_JSON


def plainly(model: Any, body: Any, timeout: float) -> Any:
    return asyncio.run(ask(model, body, timeout))


def later(*given: Any) -> Any:
    return ask(*given)


@pytest.mark.parametrize("function", [ask, plainly, later])
def test_a_caller_may_be_a_function(tmp_path: Path, function: Callable[..., Any]) -> None:
    with opened(tmp_path, function) as router:
        got = router.completion(HELLO)
        assert (got.served_by, got.choices[0].message.content) == ("b", "{}")
        assert [(a.model, a.failure) for a in got.attempts] == [("a", "unknown"), ("b", None)]
        with router.completion(HELLO, stream=True) as stream:
            text = "".join(c.choices[0].delta.content or "" for c in stream)
        assert (text, stream.served_by) == ("{}", "b")
        with pytest.raises(AllModelsFailedError) as failed:
            router.completion(HELLO, model="a")
        assert "private" not in str(failed.value)


class Least:
    """A caller with no more than it needs."""

    async def call(self, model: Any, *_: Any) -> Any:
        return answer(f"from {model.name}")


class Older(Least):
    """A caller whose `prepare` does not ask for models."""

    def __init__(self) -> None:
        self.prepared = 0

    async def prepare(self) -> None:
        self.prepared += 1


def test_a_caller_needs_no_more_than_a_call(tmp_path: Path) -> None:
    older = Older()
    for caller in (Least(), older):
        with opened(tmp_path, caller) as router:
            assert router.completion(HELLO).choices[0].message.content == "from a"
            with router.completion(HELLO, stream=True) as stream:
                assert [c.choices[0].delta.content for c in stream] == ["from a"]
    assert older.prepared >= 2


@pytest.mark.parametrize("caller", [5, object(), OwnCaller, None])
def test_what_is_no_caller(caller: Any) -> None:
    with pytest.raises(UsageError, match="`caller` must have a method `call"):
        AdaptedCaller(caller)
