"""Turns the caller's input into a Request, in the same way for every entry point.

It is pure: no clock, no files, no calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypedDict, TypeVar, cast

from policy_router.base_errors import UsageError
from policy_router.classification.body import has_same_size, read_body
from policy_router.classification.classifier import Classification, Classifier
from policy_router.classification.hosted import without_hosted
from policy_router.classification.reading import RequestReading, read_request
from policy_router.decision.abilities import HOSTED_TOOLS
from policy_router.domain.content import ITEMS, PARTS
from policy_router.domain.dialect import Dialect
from policy_router.domain.money import Usd, parse_usd
from policy_router.domain.original import OriginalRequest
from policy_router.domain.request import UNBOUNDED, Request
from policy_router.frozen import changer, maker
from policy_router.options import FACTS, OPTIONS
from policy_router.providers.requests.body import PARAMETERS, Body, read_parameters, refusal
from policy_router.providers.requests.bounds import BOUNDS
from policy_router.quoting import quoted, unknown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from policy_router.decision.policy import Policy
    from policy_router.options import ChatMessage, RequestOptions
    from policy_router.providers.requests.bounds import Bounds

_new_request: Final = maker(Request)
_with_most: Final = changer(RequestReading, "max_input_tokens")
_SENT: Final = frozenset(PARAMETERS - FACTS - {"messages"})
"""Parameters that are sent to a provider in addition to the messages."""


@dataclass(frozen=True, slots=True)
class Intake:
    """A request, with what it was made from.

    Attributes:
        request: The request as the policy sees it.
        body: The chat body as it is sent to a provider; None without messages, or if only a reading
            of them is known.
        classification: The classification of the messages; None when it was not needed.
        is_estimated: Whether the complexity of the request is the classifier's estimate, which a
            model or a function named by the policy may replace.
        deadline: The caller's deadline, in seconds; None leaves it to the policy.
    """

    request: Request
    body: Body | None = None
    classification: Classification | None = None
    is_estimated: bool = False
    deadline: float | None = None


def classify(
    policy: Policy,
    messages: Sequence[ChatMessage] | RequestReading = (),
    *,
    stream: bool = False,
    **options: Unpack[RequestOptions],
) -> Request:
    """Build the Request that `decide` takes, in the same way as `Router.completion`.

    The task, the complexity, the required abilities and the number of tokens are derived from the
    messages unless the caller passes them. No model is called.

    Args:
        policy: The policy whose tasks and bands apply.
        messages: The conversation, in the format of OpenAI's chat completions, or the result of
            `read_request` for a body of any dialect. Without messages, the request consists of the
            other arguments.
        stream: Whether the answer is to be streamed.
        **options: Facts, constraints and chat parameters; see `RequestOptions`.

    Returns:
        The request. It holds none of the text.

    Raises:
        UsageError: An argument is unknown or has a value of the wrong type.
        TooLargeError: The request exceeds the default `Bounds`.
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
    """Build a Request from a chat body, the caller's identity, its facts and its constraints.

    Args:
        classifier: The classifier of the policy.
        messages: The conversation, or a request that was read and searched for the kinds in the
            policy's `detect`; None when only facts are known.
        options: Everything else. The names are checked here, since not every
            program uses a type checker.
        stream: Whether the answer is to be streamed.
        bounds: How large the request may be.
        always_classify: Classify the messages even if the caller gives both the task and the
            complexity, to explain them.

    Returns:
        The request, the body and the classification.

    Raises:
        UsageError: An option is unknown or has a value of the wrong type.
        TooLargeError: The request exceeds the bounds.
    """
    facts, parameters = _split(options, bounds)
    deadline = read_deadline(facts.get("deadline"))
    given = None if isinstance(messages, RequestReading) else messages
    original = options.get("original")
    if original is not None and not isinstance(original, OriginalRequest):
        raise UsageError(f"`original` must be an OriginalRequest, not `{quoted(original)}`")
    body = None if given is None else Body(bounds, original, messages=given, **parameters)
    sent = read_parameters(parameters, bounds) if body is None else body.parameters
    if isinstance(messages, RequestReading):
        reading = messages
        if reading.unknown_part is not None:
            raise UsageError(unknown("type of part", reading.unknown_part, sorted(PARTS | ITEMS)))
    else:
        kinds = classifier.policy.detect
        reading = read_request(sent, headers=facts.get("headers"), detect=kinds)
    # The caller may ask for more abilities than the body shows, never for fewer.
    needs = read_words("needs", facts.get("needs")) | reading.needs
    if body is not None and original is not None:
        kept = original.body
        if HOSTED_TOOLS not in needs:
            kept = without_hosted(original.body, original.dialect)
            if kept is not original.body:
                body = body.with_original(replace(original, body=kept))
        if original.dialect is not Dialect.CHAT or not has_same_size(
            kept, {"messages": given, **parameters}
        ):
            # Either may be sent, and parts that the translation leaves out have tokens, too.
            most = max(reading.max_input_tokens, read_body(kept, original.dialect).most)
            if most != reading.max_input_tokens:
                reading = _with_most(reading, most)
    cap = sent.get("max_completion_tokens") or sent.get("max_tokens") or reading.max_tokens
    task, hints = facts.get("task"), _hints(facts)
    is_estimated = messages is not None and facts.get("complexity") is None
    seen = None
    if is_estimated or (messages is not None and (task is None or always_classify)):
        seen = classifier.classify_reading(
            reading,
            max_output=cap,
            needs=needs,
            task=str.__str__(task) if isinstance(task, str) else None,
            **hints,
        )
    request = make_request(
        facts,
        reading,
        seen,
        needs=needs,
        cap=cap,
        answers=sent.get("n") or reading.answers,
        stream=stream,
        is_bounded=bool(sent) or reading is messages,
    )
    return Intake(request, body, seen, is_estimated=is_estimated, deadline=deadline)


def _split(options: RequestOptions, bounds: Bounds) -> tuple[RequestOptions, dict[str, object]]:
    """Split options into facts and parameters that are sent. Raises UsageError for any other
    name."""
    facts: dict[str, object] = {}
    parameters: dict[str, object] = {}
    for name, value in options.items():
        if name in FACTS:
            facts[name] = value
        elif name in _SENT:
            parameters[name] = value
        elif name not in {"extra_body", "original"}:
            raise UsageError(refusal(name, OPTIONS))
    extra = options.get("extra_body")
    if extra is not None:
        _add(parameters, extra)
    return read_facts(facts, bounds), parameters


def read_facts(facts: dict[str, object], bounds: Bounds) -> RequestOptions:
    """Return the caller's facts, after checking their size and dropping unusable headers.

    Raises:
        UsageError: The headers are not a mapping.
        TooLargeError: A fact exceeds the bounds.
    """
    stated = dict(facts)
    headers = stated.pop("headers", None)
    if headers is not None and type(headers) is not dict and not isinstance(headers, Mapping):
        raise UsageError(f"`headers` must be a mapping of names to values, not `{quoted(headers)}`")
    # A client may send any header, so unusable ones are dropped, not rejected.
    return cast("RequestOptions", {**bounds.check_facts(stated), "headers": headers})


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
    """The caller's hints about the difficulty, as arguments of `Classifier.classify_reading`."""

    context_tokens: int
    history: int
    criticality: float | None


def _hints(facts: RequestOptions) -> _Hints:
    """The caller's hints about the difficulty. Raises UsageError."""
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


def make_request(
    facts: RequestOptions,
    reading: RequestReading,
    seen: Classification | None,
    *,
    needs: frozenset[str],
    cap: int | None,
    answers: int,
    stream: bool,
    is_bounded: bool,
) -> Request:
    """Build a Request from the caller's facts, and from what was read where it gives none.

    Args:
        facts: The caller's facts.
        reading: The facts read from the headers and the body.
        seen: The classification, if there is one.
        needs: Abilities that a model must have.
        cap: The cap on the tokens of one answer.
        answers: How many answers are asked for.
        stream: Whether the caller wants a stream.
        is_bounded: Whether the size of the input is known.

    Returns:
        The request.

    Raises:
        UsageError: A fact has a value of the wrong type.
    """
    task, complexity, confidence = facts.get("task"), facts.get("complexity"), None
    form, kind = None, None
    # A classification made only to explain must not change the request.
    if seen is not None and (task is None or complexity is None):
        form, kind = seen.form.value, seen.likely_kind
        if task is None:
            task, confidence = seen.identified_task, seen.confidence
        if complexity is None:
            complexity = seen.score
    tokens, most = facts.get("tokens"), reading.max_input_tokens
    if isinstance(tokens, int) and tokens > most:
        most = tokens
    attributes, prefer = facts.get("attributes"), facts.get("prefer")
    return _new_request(
        task=task,
        complexity=complexity,
        tokens=reading.tokens if tokens is None else tokens,
        max_input_tokens=most if is_bounded else None,
        max_tokens=cap,
        answers=answers,
        needs=needs,
        tags=read_words("tags", facts.get("tags")),
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
        model=_either(facts.get("model"), reading.model),
        max_candidates=facts.get("max_candidates"),
        min_tier=facts.get("min_tier"),
        only=None if facts.get("only") is None else read_words("only", facts["only"]),
        avoid=read_words("avoid", facts.get("avoid")),
        pictures=reading.pictures,
        thumbnails=reading.thumbnails,
        confidence=confidence,
        detected=reading.detected,
        form=form,
        kind=kind,
    )


def read_deadline(seconds: object) -> float | None:
    """Return the caller's deadline. Raises UsageError."""
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
        raise UsageError(f"`deadline` must be a number of seconds above 0, not `{quoted(seconds)}`")
    return float(min(seconds, UNBOUNDED))


def read_words(name: str, value: object) -> frozenset[str]:
    """Return a list of names. Raises UsageError."""
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
    """Convert dollars given as text to a number."""
    if not isinstance(dollars, str):
        return dollars
    try:
        return parse_usd(dollars)
    except ValueError:
        raise UsageError(
            f"`{name}` must be an amount in US dollars such as `$0.05`, not `{quoted(dollars)}`"
        ) from None
