"""Whose fault it is, by what providers really send: body, status and headers as they arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from policy_router.domain.fallback import Cooldown
from policy_router.execution.health.cooldown import Cooldowns
from policy_router.providers.failures.classify import classify
from policy_router.providers.failures.error_body import read_error_body
from policy_router.providers.failures.failure import Failure, FailureKind, FailureScope
from tests.execution.make import candidate

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = 1_000.0
PAGE = "<html>blocked</html>"
REQUEST, MODEL = FailureScope.REQUEST, FailureScope.MODEL
KEY, ACCOUNT, PROVIDER = FailureScope.KEY, FailureScope.ACCOUNT, FailureScope.PROVIDER
TOO_LONG, UNSUPPORTED = FailureKind.CONTEXT_TOO_LONG, FailureKind.UNSUPPORTED
QUOTA, LIMITED = FailureKind.QUOTA_EXHAUSTED, FailureKind.RATE_LIMITED
FILTERED, REFUSED = FailureKind.CONTENT_POLICY, FailureKind.REFUSED


class Sent(NamedTuple):
    """What a provider sent, and what it means.

    Attributes:
        name: Who sent it, and why.
        status: The HTTP status.
        body: The body: JSON, or a web page.
        kind: The kind of failure.
        scope: Whose fault it is.
        wait: Seconds to wait that it names.
        headers: Further headers.
    """

    name: str
    status: int
    body: object
    kind: FailureKind
    scope: FailureScope
    wait: float | None = None
    headers: Mapping[str, str] = {}


def error(message: str, **fields: Any) -> dict[str, Any]:
    return {"error": {"message": message, **fields}}


EXTRA = {"type": "extra_forbidden", "loc": ["body", "foo"], "msg": "Extra inputs are not permitted"}

TABLE = [
    # The request, whatever the status
    Sent("OpenRouter: a shorter answer would do", 402,
         error("This request requires more credits, or fewer max_tokens. You requested 8000"),
         QUOTA, REQUEST),
    Sent("OpenRouter: a shorter prompt would do", 402,
         error("Prompt tokens limit exceeded: 10000 > 5000.", code=402), QUOTA, REQUEST),
    Sent("OpenRouter: moderation", 403,
         error("Moderated", code=403, metadata={"reasons": ["violence"], "flagged_input": "x"}),
         FILTERED, REQUEST),
    Sent("OpenRouter: moderation in words", 403,
         error("Your input was flagged for violence", code=403), FILTERED, REQUEST),
    Sent("xAI: moderation", 403, {"code": "It is not permitted", "error":
         "Content violates usage guidelines. Failed check: SAFETY"}, FILTERED, REQUEST),
    Sent("Azure: moderation", 400,
         error("filtered", code="content_filter", innererror={"code": "ResponsibleAIPolicy"}),
         FILTERED, REQUEST),
    Sent("a firewall's page", 403, PAGE, FailureKind.FORBIDDEN, REQUEST),
    Sent("a firewall's JSON", 403, {"message": "Forbidden"}, FailureKind.FORBIDDEN, REQUEST),
    Sent("OpenRouter: tools", 404, error("No endpoints found that support tool use. To learn",
         code=404), UNSUPPORTED, REQUEST),
    Sent("OpenRouter: pictures", 404, error("No endpoints found that support image input",
         code=404), UNSUPPORTED, REQUEST),
    Sent("OpenRouter: a policy on data", 404, error(
         "No endpoints found matching your data policy (Free model publication).", code=404),
         UNSUPPORTED, REQUEST),
    Sent("OpenRouter: no provider left", 404, error(
         "No allowed providers are available for the selected model.", code=404),
         UNSUPPORTED, REQUEST),
    Sent("a proxy: too large", 413, PAGE, TOO_LONG, REQUEST),
    Sent("Anthropic: too large", 413, {"type": "error", "error": {
         "type": "request_too_large", "message": "Request exceeds the maximum size"}},
         TOO_LONG, REQUEST),
    Sent("Groq: more than a minute's tokens", 413, error(
         "Request too large for model `l` in organization `o` on tokens per minute (TPM): Limit",
         code="rate_limit_exceeded"), LIMITED, REQUEST),
    Sent("OpenAI: an unknown parameter", 400, error("Unknown parameter: 'foo'.", param="foo",
         code="unknown_parameter"), UNSUPPORTED, REQUEST),
    Sent("vLLM: an extra field", 422, {"detail": [EXTRA]}, UNSUPPORTED, REQUEST),
    Sent("Mistral: an extra field", 422, {"object": "error", "message": {"detail": [EXTRA]},
         "type": "invalid_request_error", "code": None}, UNSUPPORTED, REQUEST),
    Sent("xAI: context", 400, {"code": "Client specified an invalid argument", "error":
         "This model's maximum prompt length is 131072 but the request contains 200000 tokens."},
         TOO_LONG, REQUEST),
    Sent("Bedrock: context", 400, {"message": "Input is too long for requested model."}, TOO_LONG,
         REQUEST, headers={"x-amzn-errortype": "ValidationException"}),
    Sent("Bedrock: context of Anthropic's models", 400, {"message": "The model returned the "
         "following errors: prompt is too long: 210000 tokens > 200000 maximum"}, TOO_LONG,
         REQUEST, headers={"x-amzn-errortype": "ValidationException:http://x"}),
    Sent("Bedrock: context and answer", 400, {"__type": "ValidationException", "message":
         "The model returned the following errors: input length and `max_tokens` exceed context "
         "limit: 199000 + 8000 > 200000"}, TOO_LONG, REQUEST),
    Sent("LM Studio: context", 400, {"error": "Trying to keep the first 4101 tokens when context "
         "the overflows. However, the model is loaded with context length of only 4096"},
         TOO_LONG, REQUEST),
    Sent("LM Studio: context, later releases", 400, {"error":
         "Cannot truncate prompt with n_keep (9000) >= n_ctx (4096)"}, TOO_LONG, REQUEST),
    Sent("LM Studio: context, in the answer", 400, error(
         "Reached context length of 4096 tokens with model (arch: qwen2)"), TOO_LONG, REQUEST),
    Sent("Together: context", 403, error(
         "The input token count 9000 + max_tokens 900 must be less than the context length"),
         TOO_LONG, REQUEST),
    Sent("Ollama: tools", 400, {"error": "registry.ollama.ai/library/g:2b does not support tools"},
         UNSUPPORTED, REQUEST),
    Sent("a text about limits in a 400", 400, error("rate limit exceeded, my friend"),
         FailureKind.BAD_REQUEST, REQUEST),
    *(Sent(f"an unlisted status: {status}", status, error("no"), REFUSED, REQUEST)
      for status in (405, 406, 412, 415, 418, 423, 424, 428, 431, 451)),
    # The account, though the status says that it is the request
    Sent("Anthropic: credit", 400, {"type": "error", "error": {"type": "invalid_request_error",
         "message": "Your credit balance is too low to access the API."}}, QUOTA, ACCOUNT),
    Sent("xAI: credit", 403, {"code": "The caller does not have permission", "error":
         "Your newly created teams doesn't have any credits yet."}, QUOTA, ACCOUNT),
    Sent("Fireworks: suspended", 412, error("Account acme-1 is suspended, possibly due to reaching "
         "the monthly spending limit"), QUOTA, ACCOUNT),
    Sent("DeepSeek: credit", 402, error("Insufficient Balance", code="invalid_request_error"),
         QUOTA, ACCOUNT),
    Sent("OpenAI: quota", 429, error("You exceeded your quota", code="insufficient_quota"),
         QUOTA, ACCOUNT),
    Sent("a gateway: an error in a 200", 200, error("no", code=402), QUOTA, ACCOUNT),
    # The key
    Sent("xAI: key", 400, {"code": "Client specified an invalid argument", "error":
         "Incorrect API key provided: xa***. You can obtain an API key from the console"},
         FailureKind.CREDENTIAL, KEY),
    Sent("Gemini: key", 400, error("API key not valid.", code=400, status="INVALID_ARGUMENT",
         details=[{"reason": "API_KEY_INVALID"}]), FailureKind.CREDENTIAL, KEY),
    Sent("a page for a bad key", 401, PAGE, FailureKind.CREDENTIAL, KEY),
    # The model
    Sent("OpenAI: no access to the model", 403, error("Project `x` does not have access",
         code="model_not_found"), FailureKind.MODEL_GONE, MODEL),
    Sent("Anthropic: permission", 403, {"type": "error", "error": {"type": "permission_error",
         "message": "Your API key does not have permission"}}, FailureKind.FORBIDDEN, MODEL),
    Sent("Gemini: a limit", 429, error("Quota exceeded.", code=429, status="RESOURCE_EXHAUSTED",
         details=[{"@type": "google.rpc.RetryInfo", "retryDelay": "12s"}]), LIMITED, MODEL, 12.0),
    Sent("OpenAI: a limit", 429, error("Rate limit reached for gpt-4o on tokens per min (TPM): "
         "Limit 30000. Please try again in 1.5s.", code="rate_limit_exceeded"), LIMITED, MODEL,
         1.5),
    Sent("a proxy: a limit", 429, PAGE, LIMITED, MODEL, 7.0, {"retry-after": "7"}),
    Sent("busy", 503, error("busy"), FailureKind.SERVER_ERROR, MODEL, 30.0, {"retry-after": "30"}),
    Sent("busy, in words", 503, error("The model is overloaded. Please try again in 20 seconds"),
         FailureKind.SERVER_ERROR, MODEL, 20.0),
    Sent("Hugging Face: loading", 503, {"error": "Model x is loading", "estimated_time": 20.0},
         FailureKind.SERVER_ERROR, MODEL, 20.0),
    Sent("Anthropic: overloaded", 529, {"type": "error", "error": {"type": "overloaded_error",
         "message": "Overloaded"}}, FailureKind.OVERLOADED, MODEL),
    Sent("a gateway: a text in a 200", 200, {"error": "no capacity"}, FailureKind.MALFORMED, MODEL),
    # The provider
    Sent("OpenAI: a country", 403, error("Country not supported",
         code="unsupported_country_region_territory"), FailureKind.FORBIDDEN, PROVIDER),
]  # fmt: skip


def failure_of(sent: Sent) -> Failure:
    page = isinstance(sent.body, str)
    content = "text/html" if page else "application/json"
    evidence = read_error_body(
        [] if page else [sent.body],
        status=sent.status,
        headers={"content-type": content, **sent.headers},
        prompt="hello",
        now=NOW,
    )
    return classify(evidence)


EACH = pytest.mark.parametrize("sent", [pytest.param(sent, id=sent.name) for sent in TABLE])


@EACH
def test_whose_fault_it_is(sent: Sent) -> None:
    failure = failure_of(sent)
    assert (failure.kind, failure.scope, failure.retry_after) == (sent.kind, sent.scope, sent.wait)


@EACH
def test_what_one_user_asks_for_rests_nothing_for_the_others(sent: Sent) -> None:
    cooldowns = Cooldowns(lambda: NOW)
    model = candidate("a").model
    for _ in range(1_000 if sent.scope is REQUEST else 1):
        cooldowns.failed(model, failure_of(sent), Cooldown(failures=1))
    assert bool(cooldowns.cooling(NOW)) is (sent.scope is not REQUEST)
