"""cap-too-tight: a budget or a limit leaves many requests without any model.

For sure more than one in a hundred, on the days when it happens at all. The journal keeps why no
model was called, but not which of several caps it was: so there is a patch where one budget or one
limit of the policy can be it. The patch raises each of its amounts by as much as all requests are
more than those that got a model. Over a day or longer that would have been enough for all of them;
in a shorter window, requests come unevenly, and it would have been enough for some.
"""

from __future__ import annotations

import re
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING, Final

from policy_router.domain.decision import Reason
from policy_router.domain.limits import Metric
from policy_router.domain.periods import Period
from policy_router.domain.windows import Rolling
from policy_router.experience.intervals import wilson
from policy_router.language.write.text_edit import TextEdit, apply
from policy_router.language.write.yaml_edit import EditableFile, compiled
from policy_router.ledger.tallies import DAY
from policy_router.suggestions.suggestion import Suggestion, SuggestionEvidence

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy_router.domain.limits import Limit
    from policy_router.suggestions.observed import Observed
    from policy_router.suggestions.traffic import Refusals

KIND: Final = "cap-too-tight"
MANY: Final = 0.01
"""The share of requests from which on it is suggested."""
_NANO: Final = 1_000_000_000
_AMOUNT: Final = re.compile(r"\$?[0-9][0-9_.,]*[kM]?(?P<rest>(?: tokens)?(?:/.*)?)")
"""An amount as a policy writes it, with what follows the number."""
_DIGITS: Final = 2
"""Digits of a new cap that are not 0."""


def suggestions(observed: Observed) -> Iterator[Suggestion]:
    """Yield at most one suggestion for budgets, and one for limits."""
    if observed.traffic is None:
        return
    for reason, are_budgets in ((Reason.BUDGET, True), (Reason.RATE_LIMIT, False)):
        refused = observed.traffic.refusals.get(reason.value)
        caps = [
            limit
            for limit in observed.policy.limits
            if limit.is_budget is are_budgets
            and limit.refusing
            and limit.capped
            and limit.metric is not Metric.CONCURRENT
        ]
        if refused is not None and caps:
            yield from _suggested(observed, refused, caps)


def _suggested(observed: Observed, refused: Refusals, caps: list[Limit]) -> Iterator[Suggestion]:
    share = wilson(refused.number, refused.requests)
    least = observed.policy.learning.min_samples
    if share is None or share.samples < least or share.low <= MANY:
        return
    names = sorted({limit.name for limit in caps})
    kind = "budget" if caps[0].is_budget else "limit"
    spent = "was spent" if caps[0].is_budget else "was used up"
    evidence = SuggestionEvidence(
        f"on {refused.days} {'day' if refused.days == 1 else 'days'}, no model was called for "
        f"{share.value:.1%} of {share.samples:,} requests because a {kind} {spent} "
        f"(95 % interval {share.low:.1%} to {share.high:.1%})",
        share.samples,
    )
    sentence = f"raise {kind} {' or '.join(f'`{name}`' for name in names)}"
    most = "" if all(_is_long(limit) for limit in caps) else "up to "
    effect = f"{most}{refused.number:,} more requests would have been given to a model"
    edits: tuple[TextEdit, ...] = ()
    if len(names) == 1:
        edits = _raised(observed, caps, refused)
    yield Suggestion(KIND, sentence, evidence, effect, edits)


def _is_long(limit: Limit) -> bool:
    """Whether a limit counts over a day or longer."""
    window = limit.window
    return isinstance(window, Period) or (isinstance(window, Rolling) and window.seconds >= DAY)


def _raised(observed: Observed, caps: Sequence[Limit], refused: Refusals) -> tuple[TextEdit, ...]:
    """The checked edits that raise the amounts of one limit or budget; none where that is not sure
    to be what is written, and where some subjects have caps of their own."""
    served = max(1, refused.requests - refused.number)
    edits: list[TextEdit] = []
    limits = list(observed.policy.limits)
    for limit in caps:
        if limit.cap is None or any(cap is not None for _, cap in limit.overrides):
            return ()
        amount = _round_up(ceil(limit.cap * refused.requests / served))
        edit = _written(observed, limit, amount)
        if edit is None:
            return ()
        edits.append(edit)
        limits[limits.index(limit)] = replace(limit, cap=amount)
    changed = compiled(apply(edits, observed.sources))
    wanted = replace(observed.policy, limits=tuple(limits), revision="")
    is_as_wanted = changed is not None and replace(changed, revision="") == wanted
    return tuple(edits) if is_as_wanted else ()


def _written(observed: Observed, limit: Limit, amount: int) -> TextEdit | None:
    """The edit that writes another amount where that of a limit is; None where it is not found."""
    name = "" if limit.span is None else limit.span.file
    file = EditableFile(name, observed.sources.get(name, ""))
    path: tuple[str | int, ...] = (limit.section, limit.name, "cap")
    if not limit.is_budget:
        path = (limit.section, limit.name, limit.metric.value)
    text = file.data(path)
    if isinstance(text, list):
        alike = [
            each
            for each in observed.policy.limits
            if (each.section, each.name, each.metric) == (limit.section, limit.name, limit.metric)
        ]
        if len(alike) != len(text):
            return None
        number = alike.index(limit)
        path, text = (*path, number), text[number]
    found = _AMOUNT.fullmatch(str(text))
    if found is None:
        return None
    start, stop = file.extent(path)
    spelled = _usd(amount) if limit.metric is Metric.USD else _number(amount)
    return TextEdit(name, start, stop, f"{spelled}{found['rest']}")


def _usd(nano: int) -> str:
    return f"${nano / _NANO:.9f}".rstrip("0").rstrip(".")


def _number(amount: int) -> str:
    for unit, letter in ((1_000_000, "M"), (1_000, "k")):
        if amount % unit == 0:
            return f"{amount // unit}{letter}"
    return str(amount)


def _round_up(amount: int) -> int:
    """An amount with two digits that are not 0, and not less."""
    unit = int("1" + "0" * max(0, len(str(amount)) - _DIGITS))
    return -(-amount // unit) * unit
