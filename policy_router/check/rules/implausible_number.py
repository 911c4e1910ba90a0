"""a number that is most likely wrong by a factor of a thousand

`context: 32` is a context of 32 tokens, which is too small for any request; 32k was meant. The same
goes for an answer of 8 tokens, a quota of 200 tokens a minute, a price in dollars per thousand
tokens that should be per million, and a deadline of 60 milliseconds.

Bad:
    models:
      x: { model: ollama_chat/q, tier: light, price: free, context: 32 }

Good:
    models:
      x: { model: ollama_chat/q, tier: light, price: free, context: 32k }
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.check.subject import warning
from policy_router.decision.wording import per_window
from policy_router.domain.fallback import Cooldown
from policy_router.domain.money import NANO_PER_USD, format_usd
from policy_router.language.document.classification import TaskShape
from policy_router.language.document.prices import HoursShape, PriceShape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic
    from policy_router.language.document.document import Document
    from policy_router.language.document.fallback import FallbackShape
    from policy_router.language.document.models import ModelShape
    from policy_router.language.document.rules import RuleShape
    from policy_router.language.document.sessions import SessionsShape
    from policy_router.language.source import Path

_CONTEXT: Final = 512
_LARGEST: Final = 20_000_000
_ANSWER: Final = 33
_QUOTA: Final = 1000
_HIGHEST_PRICE: Final = 2000 * NANO_PER_USD
"""Nano-USD per million tokens that no model costs."""
_APART: Final = 100
"""Factor by which a price may differ from the one in LiteLLM's table."""
_SOON: Final = {"deadline": 0.5, "first_token_within": 0.1, "stall": 0.1}
_LATE: Final = 24 * 3600
_SHORTEST_SESSION: Final = 30.0
_LONGEST_SESSION: Final = 7 * 24 * 3600.0
_LONGEST_KEPT: Final = 3_660 * 86_400.0
_LONGEST_COOLDOWN: Final = 2 * 3600.0
_NOISE: Final = 0.05
"""The share of calls that fail at a provider that works."""


def check(subject: Subject) -> Iterator[Diagnostic]:
    document, places = subject.draft.document, subject.draft.places
    for name, model in (document.models or {}).items():
        for path, message, help_ in _of_model(subject, name, model):
            yield warning("implausible-number", message, places.value(path), help_)
    for name, limit in (document.limits or {}).items():
        for i, rate in enumerate(limit.tokens or ()):
            if 0 < rate.amount < _QUOTA:
                yield warning(
                    "implausible-number",
                    f"{rate.amount} tokens {per_window(rate.period)} do not fit one request",
                    places.value(("limits", name, "tokens", i)),
                    f"write {rate.amount}k if you mean thousands",
                )
    for path, message, help_ in (
        *_of_times(document.fallback, ("fallback",)),
        *_of_cooldown(document.fallback),
        *_of_degraded(document.fallback),
        *_of_bounds(document),
    ):
        yield warning("implausible-number", message, places.value(path), help_)
    keep = None if document.outcomes is None else document.outcomes.keep
    if keep is not None and keep > _LONGEST_KEPT:
        yield warning(
            "implausible-number",
            f"rows of {keep / 86_400:,.0f} days are more than anybody looks at one by one",
            places.value(("outcomes", "keep")),
            "the sums of each day are kept for ever anyway; the default is 90d",
        )
    for path, message, help_ in _of_sessions(document.sessions):
        yield warning("implausible-number", message, places.value(path), help_)


def _of_model(subject: Subject, name: str, model: ModelShape) -> Iterator[tuple[Path, str, str]]:
    path: Path = ("models", name)
    for field, least in (("context", _CONTEXT), ("max_output", _ANSWER)):
        size = getattr(model, field)
        if size is not None and size < least:
            what = "into its context" if field == "context" else "into an answer"
            yield (
                (*path, field),
                f"only {size} tokens fit {what}",
                f"write {size}k if you mean thousands",
            )
        elif size is not None and size > _LARGEST:
            yield (*path, field), f"no model has a {field} of {size:,} tokens", "correct the number"
    if model.context and model.max_output and model.context < model.max_output:
        sizes = f"{model.max_output:,} tokens is larger than the context of {model.context:,}"
        yield (
            (*path, "max_output"),
            f"an answer of {sizes}",
            "lower `max_output`, or raise `context` if the server is configured so",
        )
    for i, rate in enumerate(model.limits or ()):
        if rate.metric == "tokens" and 0 < rate.amount < _QUOTA:
            yield (
                (*path, "limits", i),
                f"{rate.amount} tokens {per_window(rate.period)} do not fit one request",
                f"write {rate.amount}k if you mean thousands",
            )
    yield from _of_times(model, path)
    cap = model.params.max_tokens if model.params else None
    if cap is not None and model.context is not None and cap >= model.context:
        yield (
            (*path, "params", "max_tokens"),
            f"with an answer of {cap:,} tokens no room is left in the context of {model.context:,}",
            "lower it: room for the answer is kept free in every request",
        )
    if isinstance(model.price, PriceShape):
        yield from _of_price(subject, name, model.price)


def _of_price(subject: Subject, name: str, price: PriceShape) -> Iterator[tuple[Path, str, str]]:
    entry = subject.draft.entries[name]
    listed_so = entry and entry.price and entry.price.input > entry.price.output
    if price.input > price.output > 0 and not listed_so:
        yield (
            ("models", name, "price"),
            f"the input of `{name}` costs more than its output",
            "swap `input` and `output` if they are mixed up",
        )
    if price.cached is not None and price.cached > price.input:
        yield (
            ("models", name, "price", "cached"),
            f"input of `{name}` costs more from the prompt cache than without it",
            "swap `cached` and `input`, or write the surcharge of the cache as `written`",
        )
    yield from _of_rates(subject, name, price, ("models", name, "price"))
    for i, hours in enumerate(price.at or ()):
        yield from _of_rates(subject, name, hours, ("models", name, "price", "at", i))


def _of_rates(
    subject: Subject, name: str, rates: PriceShape | HoursShape, path: Path
) -> Iterator[tuple[Path, str, str]]:
    entry, own = subject.draft.entries[name], subject.policy.model(name).has_own_address
    for field, amount in (("input", rates.input), ("output", rates.output)):
        if amount is None:
            continue
        shown = f"${format_usd(amount)} per million tokens"
        listed = getattr(entry.price, field) if entry and entry.price and not own else 0
        if amount >= _HIGHEST_PRICE:
            help_ = "/K is per thousand tokens, /M per million"
            yield (*path, field), f"no model costs {shown}", help_
        elif listed and amount and not listed / _APART < amount < listed * _APART:
            yield (
                (*path, field),
                f"`{name}` costs {shown} here and ${format_usd(listed)} in LiteLLM's table",
                "/K is per thousand tokens, /M per million; without a price, the table's is used",
            )


def _of_bounds(document: Document) -> Iterator[tuple[Path, str, str]]:
    """Yield prices that bound nothing, and deadlines of tasks that no answer meets."""
    parts: list[tuple[Path, RuleShape | TaskShape]] = [
        *((("tasks", name), task) for name, task in (document.tasks or {}).items()),
        *((("rules", i), rule) for i, rule in enumerate(document.rules or ())),
    ]
    for path, part in parts:
        if part.max_price is not None and part.max_price >= _HIGHEST_PRICE:
            shown = f"${format_usd(part.max_price)} per million tokens"
            help_ = "/K is per thousand tokens, /M per million"
            yield (*path, "max_price"), f"no model costs {shown}", help_
        if isinstance(part, TaskShape):
            yield from _of_times(part, path)


def _of_sessions(sessions: SessionsShape | None) -> Iterator[tuple[Path, str, str]]:
    lasts = None if sessions is None else sessions.for_
    if lasts is not None and lasts < _SHORTEST_SESSION:
        yield (
            ("sessions", "for"),
            f"a session is forgotten after {lasts:g} s, before a person or a tool has answered",
            "m are minutes, h are hours; the default is 1h",
        )
    elif lasts is not None and lasts > _LONGEST_SESSION:
        yield (
            ("sessions", "for"),
            f"{lasts / 86_400:g} days are longer than any conversation goes on",
            "m are minutes, h are hours; the default is 1h",
        )


def _of_cooldown(fallback: FallbackShape | None) -> Iterator[tuple[Path, str, str]]:
    cooldown = None if fallback is None else fallback.cooldown
    if cooldown is None:
        return
    path: Path = ("fallback", "cooldown")
    first = Cooldown().duration if cooldown.for_ is None else cooldown.for_
    if cooldown.longest is not None and cooldown.longest < first:
        yield (
            (*path, "longest"),
            f"a cooldown lasts {first:g} s from the first time on, which is longer",
            "write a time above `for`, or leave `longest` out",
        )
    if first > _LONGEST_COOLDOWN:
        yield (
            (*path, "for"),
            f"after one bad moment a model is not called for {first / 3600:g} hours",
            "m are minutes, h are hours; the time doubles by itself while the model fails",
        )
    if cooldown.share is not None and cooldown.share <= _NOISE:
        yield (
            (*path, "share"),
            f"at times {cooldown.share:.0%} of a healthy model's calls fail, and then it is out",
            "write a share at which the model is of no use, such as 50%",
        )


def _of_degraded(fallback: FallbackShape | None) -> Iterator[tuple[Path, str, str]]:
    degraded = None if fallback is None else fallback.degraded
    if degraded is not None and degraded.latency is not None and degraded.latency <= 1:
        yield (
            ("fallback", "degraded", "latency"),
            "about half of the time a model takes longer than on average, and counts as degraded",
            "write how many times as long is too long, such as 3x",
        )
    if degraded is not None and degraded.success == 1:
        yield (
            ("fallback", "degraded", "success"),
            "one failed call makes a model degraded",
            "write a share that a healthy model reaches, such as 90%",
        )


def _of_times(
    shape: FallbackShape | ModelShape | TaskShape | None, path: Path
) -> Iterator[tuple[Path, str, str]]:
    for field, least in _SOON.items():
        time = getattr(shape, field, None)
        if time is not None and time < least:
            yield (
                (*path, field),
                f"no model answers within {time * 1000:g} ms",
                "ms are milliseconds, s are seconds",
            )
        elif time is not None and time > _LATE:
            yield (
                (*path, field),
                f"{time / 3600:g} hours are longer than any caller waits",
                "m are minutes, h are hours",
            )
