"""Turns what a caller sends into a Request, in the same way for every entry point.

Reads no clock and no file, and calls nothing: the result depends on the arguments alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast

from policy_router.base_errors import UsageError
from policy_router.classification.body import needs_beside, read_messages
from policy_router.classification.classifier import Classification, Classifier
from policy_router.classification.tokens.bound import most_tokens, pictures
from policy_router.domain.money import Usd, parse_usd
from policy_router.domain.request import Request
from policy_router.options import FACTS, OPTIONS
from policy_router.providers.body import PARAMETERS, Body, read_parameters, refusal
from policy_router.providers.bounds import BOUNDS
from policy_router.quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from policy_router.classification.body import BodyFacts
    from policy_router.decision.policy import Policy
    from policy_router.options import ChatMessage, RequestOptions
    from policy_router.providers.bounds import Bounds

_SENT: Final = frozenset(PARAMETERS - FACTS - {"messages"})
"""Parameters that a provider gets besides the messages."""


@dataclass(frozen=True, slots=True)
class Intake:
    """A request, with what it was made from.

    Attributes:
        request: The request as the policy sees it.
        body: The chat body as it is sent to a provider; None when there are no messages.
        classification: What the classifier made of the messages; None when it was not needed.
        is_estimated: Whether the complexity of the request is the classifier's estimate, which a
            model or a function named by the policy may replace.
    """

    request: Request
    body: Body | None = None
    classification: Classification | None = None
    is_estimated: bool = False


def classify(
    policy: Policy,
    messages: Sequence[ChatMessage] = (),
    *,
    stream: bool = False,
    **options: Unpack[RequestOptions],
) -> Request:
    """Make the Request that `decide` takes, as `Router.completion` makes it.

    The task, the complexity, the abilities needed and the number of tokens are read from the
    messages where the caller does not give them. No model is called.

    Args:
        policy: The policy whose tasks and bands apply.
        messages: The conversation, as OpenAI's chat completions take it. Without messages, the
            request is what the other arguments say.
        stream: Whether the answer is to be streamed.
        **options: Facts, constraints and chat parameters; see `RequestOptions`.

    Returns:
        The request. It holds none of the text.

    Raises:
        UsageError: An argument is unknown or has a value of the wrong type.
        TooLargeError: The request is beyond the default `Bounds`.
    """
    return take_in(Classifier(policy), messages or None, options, stream=stream).request


def take_in(
    classifier: Classifier,
    messages: Sequence[ChatMessage] | None,
    options: RequestOptions,
    *,
    stream: bool = False,
    bounds: Bounds = BOUNDS,
    always_classify: bool = False,
) -> Intake:
    """Make a Request from a chat body, the caller's identity, its facts and its constraints.

    Args:
        classifier: The classifier of the policy.
        messages: The conversation; None when only facts are known.
        options: Everything else. The names are checked here, since not every
            program uses a type checker.
        stream: Whether the answer is to be streamed.
        bounds: How large the request may be.
        always_classify: Classify the messages even when the caller names both the task and the
            complexity, to explain them.

    Returns:
        The request, the body and the classification.

    Raises:
        UsageError: An option is unknown or has a value of the wrong type.
        TooLargeError: The request is beyond the bounds.
    """
    facts, parameters = _split(options, bounds)
    body = None if messages is None else Body(bounds, messages=messages, **parameters)
    sent = read_parameters(parameters, bounds) if body is None else body
    stated = _stated(facts, stream=stream)
    # The caller may ask for more abilities than the body shows, never for fewer.
    needs = stated.needs | needs_beside(sent)
    cap = sent.get("max_completion_tokens") or sent.get("max_tokens")
    conversation = () if body is None else body["messages"]
    shown = {name: sent.get(name) for name in ("tools", "response_format")}
    task, complexity = stated.task, stated.complexity
    seen: Classification | BodyFacts
    if body is not None and (always_classify or task is None or complexity is None):
        seen = classifier.classify(conversation, max_output=cap, needs=needs, task=task, **shown)
        task = seen.identified_task
        complexity = seen.score if complexity is None else complexity
    else:
        seen = read_messages(conversation, **shown)
    upper_bound = most_tokens(conversation, prediction=sent.get("prediction"), **shown)
    in_full, in_low_detail = pictures(conversation)
    request = replace(
        stated,
        task=task,
        complexity=complexity,
        tokens=seen.tokens if facts.get("tokens") is None else stated.tokens,
        max_input_tokens=max(upper_bound, stated.tokens) if sent else None,
        pictures=in_full,
        thumbnails=in_low_detail,
        max_tokens=cap,
        answers=sent.get("n") or 1,
        needs=seen.needs | needs,
    )
    if not isinstance(seen, Classification):
        return Intake(request, body)
    if stated.task is None:
        request = replace(request, confidence=seen.confidence)
    return Intake(request, body, seen, is_estimated=stated.complexity is None)


def _split(options: RequestOptions, bounds: Bounds) -> tuple[RequestOptions, dict[str, object]]:
    """The facts, and the parameters that are sent. Raises UsageError for any other name."""
    facts: dict[str, object] = {}
    parameters: dict[str, object] = {}
    for name, value in options.items():
        if name in FACTS:
            facts[name] = value
        elif name in _SENT:
            parameters[name] = value
        elif name != "extra_body":
            raise UsageError(refusal(name, OPTIONS))
    extra = options.get("extra_body")
    if extra is not None:
        _add(parameters, extra)
    return cast("RequestOptions", bounds.check_facts(facts)), parameters


def _add(parameters: dict[str, object], extra: object) -> None:
    """Adds the parameters of `extra_body`."""
    if not isinstance(extra, Mapping):
        raise UsageError(f"`extra_body` must be a mapping of names to values, not {quoted(extra)}")
    for name, value in extra.items():
        if name in parameters:
            raise UsageError(f"`{name}` is given twice: as an argument and in `extra_body`")
        if name == "messages" or (isinstance(name, str) and name in FACTS):
            raise UsageError(f"`{name}` cannot be set in `extra_body`: pass it as an argument")
        if name not in _SENT:
            raise UsageError(refusal(name, _SENT))
        parameters[name] = value


def _stated(facts: RequestOptions, *, stream: bool) -> Request:
    """What the caller states, before the body is read. Raises UsageError."""
    tokens, attributes, prefer = facts.get("tokens"), facts.get("attributes"), facts.get("prefer")
    return Request(
        task=facts.get("task"),
        complexity=facts.get("complexity"),
        tokens=0 if tokens is None else tokens,
        needs=_words("needs", facts.get("needs")),
        tags=_words("tags", facts.get("tags")),
        tenant=facts.get("tenant"),
        user=facts.get("user"),
        team=facts.get("team"),
        key=facts.get("key"),
        language=facts.get("language"),
        session=facts.get("session"),
        stream=stream is True,
        attributes={} if attributes is None else attributes,
        max_cost=_usd("max_cost", facts.get("max_cost")),
        max_price=_usd("max_price", facts.get("max_price")),
        max_latency=facts.get("max_latency"),
        min_quality=facts.get("min_quality"),
        prefer=cast("tuple[str, ...] | None", prefer),  # a list, too, which Request makes a tuple
        model=facts.get("model"),
        max_candidates=facts.get("max_candidates"),
    )


def _words(name: str, value: object) -> frozenset[str]:
    if value is None:
        return frozenset()
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise UsageError(f"`{name}` must be a list of strings, not `{quoted(value)}`")
    words = list(value)
    for word in words:
        if not isinstance(word, str):
            raise UsageError(f"`{name}` must be a list of strings; it contains `{quoted(word)}`")
    return frozenset(words)


def _usd(name: str, dollars: Usd | str | None) -> Usd | None:
    """Dollars as a number, for those who give them as text."""
    if not isinstance(dollars, str):
        return dollars
    try:
        return parse_usd(dollars)
    except ValueError:
        raise UsageError(
            f"`{name}` must be an amount in US dollars such as `$0.05`, not `{quoted(dollars)}`"
        ) from None
