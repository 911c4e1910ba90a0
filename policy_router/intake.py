"""Turns what a caller sends into a Request, in the same way for every entry point.

Reads no clock and no file, and calls nothing: the result depends on the arguments alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypedDict, TypeVar, cast

from policy_router.base_errors import UsageError
from policy_router.classification.classifier import Classification, Classifier
from policy_router.classification.reading import RequestReading, read_request
from policy_router.domain.content import ITEMS, PARTS
from policy_router.domain.money import Usd, parse_usd
from policy_router.domain.request import UNBOUNDED, Request
from policy_router.options import FACTS, OPTIONS
from policy_router.providers.body import PARAMETERS, Body, read_parameters, refusal
from policy_router.providers.bounds import BOUNDS
from policy_router.quoting import quoted, unknown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

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
        body: The chat body as it is sent to a provider; None when there are no messages, or only
            what was read of them.
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
    messages: Sequence[ChatMessage] | RequestReading = (),
    *,
    stream: bool = False,
    **options: Unpack[RequestOptions],
) -> Request:
    """Make the Request that `decide` takes, as `Router.completion` makes it.

    The task, the complexity, the abilities needed and the number of tokens are read from the
    messages where the caller does not give them. No model is called.

    Args:
        policy: The policy whose tasks and bands apply.
        messages: The conversation, as OpenAI's chat completions take it, or what `read_request`
            returned for a body of any dialect. Without messages, the request is what the other
            arguments say.
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
    messages: Sequence[ChatMessage] | RequestReading | None,
    options: RequestOptions,
    *,
    stream: bool = False,
    bounds: Bounds = BOUNDS,
    always_classify: bool = False,
) -> Intake:
    """Make a Request from a chat body, the caller's identity, its facts and its constraints.

    Args:
        classifier: The classifier of the policy.
        messages: The conversation, or a request that was read and searched for what the policy
            lists in `detect`; None when only facts are known.
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
    given = None if isinstance(messages, RequestReading) else messages
    body = None if given is None else Body(bounds, messages=given, **parameters)
    sent = read_parameters(parameters, bounds) if body is None else body
    if isinstance(messages, RequestReading):
        reading = messages
        if reading.unknown_part is not None:
            raise UsageError(unknown("type of part", reading.unknown_part, sorted(PARTS | ITEMS)))
    else:
        kinds = classifier.policy.detect
        reading = read_request(sent, headers=facts.get("headers"), detect=kinds)
    stated = _stated(facts, reading, stream=stream)
    hints = _hints(facts)
    # The caller may ask for more abilities than the body shows, never for fewer.
    needs = stated.needs | reading.needs
    cap = sent.get("max_completion_tokens") or sent.get("max_tokens") or reading.max_tokens
    request = replace(
        stated,
        tokens=reading.tokens if facts.get("tokens") is None else stated.tokens,
        max_input_tokens=max(reading.max_input_tokens, stated.tokens)
        if sent or reading is messages
        else None,
        pictures=reading.pictures,
        thumbnails=reading.thumbnails,
        max_tokens=cap,
        answers=sent.get("n") or reading.answers,
        needs=needs,
        detected=reading.detected,
    )
    is_complete = stated.task is not None and stated.complexity is not None
    if messages is None or (is_complete and not always_classify):
        return Intake(request, body)
    seen = classifier.classify_reading(
        reading, max_output=cap, needs=needs, task=stated.task, **hints
    )
    request = replace(
        request,
        task=seen.identified_task,
        complexity=seen.score if stated.complexity is None else stated.complexity,
        confidence=seen.confidence if stated.task is None else None,
    )
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
    headers = facts.pop("headers", None)
    if headers is not None and not isinstance(headers, Mapping):
        raise UsageError(f"`headers` must be a mapping of names to values, not `{quoted(headers)}`")
    # A client may send any header, so those that cannot be used are left out, not refused.
    checked = {**bounds.check_facts(facts), "headers": headers}
    return cast("RequestOptions", checked), parameters


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


class _Hints(TypedDict, total=False):
    """What the caller says about the difficulty, as `Classifier.classify_reading` takes it."""

    context_tokens: int
    history: int
    criticality: float | None


def _hints(facts: RequestOptions) -> _Hints:
    """What the caller says about the difficulty. Raises UsageError."""
    counts = {name: facts.get(name) for name in ("context_tokens", "history")}
    for name, count in counts.items():
        if count is not None and (type(count) is not int or not 0 <= count <= UNBOUNDED):
            raise UsageError(
                f"`{name}` must be an integer from 0 to {UNBOUNDED:,}, not `{quoted(count)}`"
            )
    criticality = facts.get("criticality")
    if criticality is not None and (
        isinstance(criticality, bool)
        or not isinstance(criticality, int | float)
        or not 0 <= criticality <= 1
    ):
        raise UsageError(f"`criticality` must be a number from 0 to 1, not `{quoted(criticality)}`")
    return _Hints(
        context_tokens=facts.get("context_tokens") or 0,
        history=facts.get("history") or 0,
        criticality=criticality,
    )


_T = TypeVar("_T")


def _either(stated: _T | None, read: _T) -> _T:
    return read if stated is None else stated


def _stated(facts: RequestOptions, reading: RequestReading, *, stream: bool) -> Request:
    """What the caller states, and what is read of the client where it does not. Raises
    UsageError."""
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
        session=_either(facts.get("session"), reading.session),
        client=_either(facts.get("client"), reading.client),
        subagent=_either(facts.get("subagent"), reading.subagent),
        housekeeping=_either(facts.get("housekeeping"), reading.housekeeping),
        turn=_either(facts.get("turn"), reading.turn),
        tool_errors=_either(facts.get("tool_errors"), reading.tool_errors),
        stream=stream is True or reading.stream,
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
