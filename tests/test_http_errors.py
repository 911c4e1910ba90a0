"""The HTTP answer to each error: a table over all of them, and what none of them shows."""

from __future__ import annotations

import inspect
import json
import pickle
from typing import TYPE_CHECKING

import anthropic
import httpx
import openai
import pytest

from policy_router import errors
from policy_router.base_errors import PolicyRouterError, UsageError
from policy_router.decision.decide import decide
from policy_router.domain.attempt import Attempt
from policy_router.domain.decision import Decision, Reason, Skip
from policy_router.domain.dialect import Dialect
from policy_router.domain.request import Request
from policy_router.domain.situation import Situation
from policy_router.errors import (
    AllModelsFailedError,
    AmountError,
    ArtifactError,
    BadRequestError,
    BudgetExceededError,
    CooldownError,
    InvalidRequestError,
    NoCandidateError,
    OperationError,
    PolicyError,
    RateLimitError,
    RoutingError,
    StateUnavailableError,
    StoreError,
    StreamBrokenError,
    TooLargeError,
    UnknownDecisionError,
)
from policy_router.execution.refusal import exhausted, refusal, stopped
from policy_router.http_errors import ErrorResponse, error_response
from policy_router.loading import load
from policy_router.providers.failures.failure import REACTIONS, Failure, FailureKind
from policy_router.providers.simulated import Garble, Simulated

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = 1_000.0
PATH = "/var/lib/router/state.db"
KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789"
PROMPT = "my grandmother's secret recipe"


def decided(
    *reasons: tuple[Reason, float | None],
    denied: str | None = None,
    problem: str | None = None,
    unknown_model: bool = False,
) -> Decision:
    skips = tuple(
        Skip(f"m{i}", reason, f"why {i}", until) for i, (reason, until) in enumerate(reasons)
    )
    situation = Situation(Request(), problem=problem, unknown_model=unknown_model)
    return Decision(
        revision="rev",
        situation=situation,
        candidates=(),
        further=skips,
        denied=denied or problem,
        id="d-1",
    )


def attempt(kind: FailureKind, detail: str = "", status: int | None = None) -> Attempt:
    return Attempt("small", "openai/small", NOW, 0.25, kind, status, detail)


FULL = decided((Reason.RATE_LIMIT, NOW + 40.2), (Reason.RATE_LIMIT, NOW + 7.1))
SPENT = decided((Reason.BUDGET, NOW + 86_400))
COOLING = decided((Reason.COOLING, NOW + 90), (Reason.COOLING, NOW + 30))
NONE = decided((Reason.ABILITY, None))
DENIED = decided(denied="no legal questions")

TABLE: Sequence[tuple[BaseException | Decision, int, str, str | None, bool]] = [
    # error or decision, status, code, retry-after, whether a client may try again by itself
    (FULL, 429, "rate_limited", "8", True),
    (decided((Reason.RATE_LIMIT, None)), 429, "rate_limited", None, False),
    (decided((Reason.RATE_LIMIT, NOW)), 429, "rate_limited", "1", True),
    (SPENT, 402, "budget_exceeded", "86400", False),
    (UnknownDecisionError("d-9"), 404, "decision_not_found", None, False),
    (COOLING, 503, "all_cooling", "30", True),
    (decided((Reason.COOLING, NOW + 600)), 503, "all_cooling", "600", False),
    (decided((Reason.STATE, None)), 503, "state_unavailable", "5", True),
    (NONE, 422, "no_candidate", None, False),
    (DENIED, 403, "denied_by_policy", None, False),
    (decided(problem="unknown tag `x`"), 400, "invalid_request", None, False),
    (decided(problem="unknown model `x`", unknown_model=True), 404, "model_not_found", None, False),
    (RateLimitError(FULL, now=NOW), 429, "rate_limited", "8", True),
    (BudgetExceededError(SPENT), 402, "budget_exceeded", None, False),
    (CooldownError(COOLING, now=NOW), 503, "all_cooling", "30", True),
    (StateUnavailableError(NONE), 503, "state_unavailable", "5", True),
    (NoCandidateError(NONE), 422, "no_candidate", None, False),
    (NoCandidateError(DENIED), 403, "denied_by_policy", None, False),
    (InvalidRequestError(decided(problem="no")), 400, "invalid_request", None, False),
    (UsageError("`n` must be an integer"), 400, "invalid_request", None, False),
    (TooLargeError("too many messages"), 413, "request_too_large", None, False),
    (StoreError(PATH), 503, "state_unavailable", "5", True),
    (OperationError(PATH), 503, "state_unavailable", "5", True),
    (AmountError(PATH), 503, "state_unavailable", "5", True),
    (PolicyError(()), 500, "internal_error", None, False),
    (ArtifactError(PATH, "damaged"), 500, "internal_error", None, False),
    (PolicyRouterError(PATH), 500, "internal_error", None, False),
    (RoutingError(NONE), 502, "no_answer", None, False),
    (BadRequestError(NONE), 400, "bad_request", None, False),
    (
        AllModelsFailedError(NONE, retry_after=12.5, status=429),
        429,
        "all_models_failed",
        "13",
        True,
    ),
    (AllModelsFailedError(NONE), 502, "all_models_failed", None, False),
    (StreamBrokenError(NONE), 502, "stream_broken", None, False),
    (KeyError(KEY), 500, "internal_error", None, False),
]


def told(answer: ErrorResponse) -> dict[str, object]:
    error = answer.body["error"]
    assert isinstance(error, dict)
    return error


@pytest.mark.parametrize(("error", "status", "code", "wait", "again"), TABLE)
def test_each_error_and_refused_decision_has_its_answer(
    error: BaseException | Decision, status: int, code: str, wait: str | None, again: bool
) -> None:
    answer = error_response(error, now=NOW)
    assert (answer.status, told(answer)["code"]) == (status, code)
    assert answer.headers.get("retry-after") == wait
    assert answer.headers.get("x-should-retry") == (None if again else "false")
    assert set(told(answer)) == {"message", "type", "param", "code", "metadata"}
    json.dumps(answer.body)


def test_the_table_has_every_exception() -> None:
    public = {c for _, c in inspect.getmembers(errors, inspect.isclass) if _is_public(c)}
    listed = {type(row[0]) for row in TABLE}
    assert public <= listed


def _is_public(found: type) -> bool:
    return issubclass(found, PolicyRouterError) and not found.__name__.startswith("_")


LAST: Sequence[tuple[Sequence[FailureKind], int]] = [
    ((FailureKind.RATE_LIMITED,), 429),
    ((FailureKind.QUOTA_EXHAUSTED,), 429),
    ((FailureKind.TIMEOUT,), 504),
    ((FailureKind.DEADLINE,), 504),
    ((FailureKind.SERVER_ERROR,), 502),
    ((FailureKind.OVERLOADED,), 503),
    ((FailureKind.CONNECT,), 502),
    ((FailureKind.CREDENTIAL,), 502),
    ((FailureKind.FORBIDDEN,), 502),
    ((FailureKind.SERVER_ERROR, FailureKind.RATE_LIMITED), 429),
    ((FailureKind.RATE_LIMITED, FailureKind.TIMEOUT), 504),
    ((FailureKind.RATE_LIMITED, FailureKind.CREDENTIAL), 429),
    ((FailureKind.RATE_LIMITED, FailureKind.CONTEXT_TOO_LONG), 429),
    ((), 504),
]


@pytest.mark.parametrize(("kinds", "status"), LAST)
def test_the_most_telling_attempt_gives_the_status(
    kinds: Sequence[FailureKind], status: int
) -> None:
    failures = [Failure(kind) for kind in kinds]
    error = exhausted(NONE, [attempt(k) for k in kinds], failures, (), 20.0)
    answer = error_response(error)
    assert (answer.status, told(answer)["code"]) == (status, "all_models_failed")
    assert answer.headers == {"retry-after": "20"}


@pytest.mark.parametrize("kind", list(FailureKind))
def test_no_failure_of_a_provider_is_answered_as_the_caller_s_credential(kind: FailureKind) -> None:
    assert REACTIONS[kind].status != 401
    for error in (
        exhausted(NONE, [attempt(kind)], [Failure(kind)], (), None),
        stopped(NONE, [attempt(kind)], Failure(kind), ()),
    ):
        assert error_response(error).status == REACTIONS[kind].status


def test_a_prompt_that_is_too_long_is_reported_in_words_that_agents_understand() -> None:
    kind = FailureKind.CONTEXT_TOO_LONG
    error = exhausted(NONE, [attempt(kind, "400")], [Failure(kind)], (), None)
    answer = error_response(error)
    assert (answer.status, told(answer)["code"]) == (400, "context_length_exceeded")
    assert str(told(answer)["message"]).startswith("prompt is too long")


def test_only_a_failure_of_the_request_shows_the_words_of_a_provider() -> None:
    own = attempt(FailureKind.BAD_REQUEST, "400: `temperature` must be at most 2", 400)
    other = attempt(FailureKind.SERVER_ERROR, "500: host db-7 is down", 500)
    error = AllModelsFailedError(NONE, [own, other])
    message = str(told(error_response(error))["message"])
    assert "`temperature` must be at most 2" in message
    assert "db-7" not in message
    assert "`small`: server_error (500)" in message


def test_attempts_and_the_decision_are_in_the_metadata() -> None:
    error = AllModelsFailedError(NONE, [attempt(FailureKind.TIMEOUT)])
    assert told(error_response(error))["metadata"] == {
        "decision": "d-1",
        "attempts": [
            {
                "model": "small",
                "failure": "timeout",
                "status": None,
                "seconds": 0.25,
                "retry_after": None,
            }
        ],
    }


@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize(
    "error",
    [
        *(row[0] for row in TABLE),
        StoreError(f"{PATH}: {KEY}"),
        ArtifactError(PATH, KEY),
        ValueError(f"{PROMPT} {KEY} {PATH}"),
        UsageError(f"`extra_body` must be a mapping, not `{KEY}`"),
        AllModelsFailedError(NONE, [attempt(FailureKind.UNKNOWN, f"{PROMPT} {PATH}")]),
        StateUnavailableError(
            decided(), refused=[Skip("m", Reason.STATE, f"no answer from {PATH}")]
        ),
    ],
)
def test_no_answer_shows_a_prompt_a_key_or_a_path(
    error: BaseException | Decision, dialect: Dialect
) -> None:
    text = json.dumps(error_response(error, dialect).body)
    assert not any(part in text for part in (PROMPT, KEY, PATH))


def test_a_message_lists_a_few_reasons_once() -> None:
    many = decided(*((Reason.ABILITY, None) for _ in range(5)))
    message = told(error_response(many))["message"]
    assert message == "no model may answer this request: why 0; why 1; why 2; and 2 more"
    same = tuple(Skip(f"m{i}", Reason.ABILITY, "has no `vision`") for i in range(9))
    message = told(error_response(NoCandidateError(decided(), refused=same)))["message"]
    assert message == "no model may answer this request: has no `vision`"


@pytest.mark.parametrize(("error", "status"), [(row[0], row[1]) for row in TABLE])
def test_anthropic_s_shape(error: BaseException | Decision, status: int) -> None:
    answer = error_response(error, Dialect.MESSAGES, now=NOW)
    assert answer.status == status
    assert (answer.body["type"], set(told(answer))) == ("error", {"type", "message"})
    assert answer.headers == error_response(error, now=NOW).headers


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (FULL, "rate_limit_error"),
        (SPENT, "billing_error"),
        (DENIED, "permission_error"),
        (COOLING, "overloaded_error"),
        (TooLargeError("x"), "request_too_large"),
        (UsageError("x"), "invalid_request_error"),
        (AllModelsFailedError(NONE), "api_error"),
        (AllModelsFailedError(NONE, status=504), "timeout_error"),
    ],
)
def test_the_types_are_anthropic_s(error: BaseException | Decision, kind: str) -> None:
    assert told(error_response(error, Dialect.MESSAGES))["type"] == kind


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (DENIED, openai.PermissionDeniedError),
        (NONE, openai.UnprocessableEntityError),
        (SPENT, openai.APIStatusError),
        (decided((Reason.RATE_LIMIT, None)), openai.RateLimitError),
        (decided((Reason.COOLING, NOW + 600)), openai.InternalServerError),
    ],
)
def test_openai_s_client_does_not_repeat_what_cannot_help(
    error: Decision, raised: type[openai.APIStatusError]
) -> None:
    answered = []

    def handle(request: httpx.Request) -> httpx.Response:
        answered.append(request)
        status, body, headers = error_response(error, now=NOW)
        return httpx.Response(status, json=body, headers=headers)

    with (
        httpx.Client(transport=httpx.MockTransport(handle)) as http,
        openai.OpenAI(api_key="k", base_url="http://router", http_client=http) as client,
        pytest.raises(raised) as caught,
    ):
        client.chat.completions.create(model="auto", messages=[])
    assert len(answered) == 1
    assert isinstance(caught.value.body, dict)


def test_anthropic_s_client_reads_it() -> None:
    status, body, _ = error_response(DENIED, Dialect.MESSAGES)
    refusal = Garble(json.dumps(body), "application/json", status)
    with (
        Simulated({"auto": refusal}) as server,
        anthropic.Anthropic(api_key="k", base_url=server.url.removesuffix("/v1")) as client,
        pytest.raises(anthropic.PermissionDeniedError, match="no legal questions"),
    ):
        client.messages.create(model="auto", max_tokens=1, messages=[])


def test_a_request_for_an_unknown_model_is_not_found() -> None:
    policy = load(
        text="""
version: 1
tiers: [light]
models:
  small: { model: ollama_chat/llama3.2, tier: light, price: free, context: 32k }
"""
    )
    answer = error_response(decide(policy, Request(model="smal")))
    assert answer.status == 404
    assert "did you mean `small`?" in str(told(answer)["message"])


@pytest.mark.parametrize("error", [row[0] for row in TABLE if not isinstance(row[0], Decision)])
def test_an_error_keeps_its_answer_when_it_is_pickled(error: BaseException) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  our own bytes
    assert error_response(copy) == error_response(error)


def test_a_refused_decision_is_answered_as_its_error() -> None:
    assert error_response(FULL, now=NOW) == error_response(refusal(FULL, now=NOW))
