"""Reports requests to `logging`.

The loggers are `policy_router.decisions` and `policy_router.outcomes`. At INFO each writes one line
a request, at DEBUG the first also writes every model that was skipped. The id of the request is in
each line. No line contains text of a prompt or an answer.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from policy_router.diagnostics import printable
from policy_router.domain.money import format_usd
from policy_router.events import Answered, Decided, Exhausted, NoRoom

if TYPE_CHECKING:
    from policy_router.domain.attempt import Attempt
    from policy_router.domain.decision import Decision, Skip
    from policy_router.events import Event

_decisions: Final = logging.getLogger("policy_router.decisions")
_outcomes: Final = logging.getLogger("policy_router.outcomes")
REQUEST_LOGGERS: Final = (_decisions, _outcomes)
"""The loggers with a line for each request."""


_LOGGED: Final = {
    Decided: (_decisions, logging.INFO),
    NoRoom: (_decisions, logging.DEBUG),
    Answered: (_outcomes, logging.INFO),
    Exhausted: (_outcomes, logging.INFO),
}
"""The loggers of the events that are logged here, and the level."""


def is_logged(kind: type[Event]) -> bool:
    """Whether `log_event` writes a line for events of a class, as logging is set up now."""
    logged = _LOGGED.get(kind)
    return logged is not None and logged[0].isEnabledFor(logged[1])


def log_event(event: Event) -> None:
    """Writes a decision or an outcome to the log; an observer of events."""
    match event:
        case Decided() if _decisions.isEnabledFor(logging.INFO):
            _decisions.info("%s %s", event.request_id, _decision(event.decision))
            if _decisions.isEnabledFor(logging.DEBUG):
                for skip in event.decision.skipped:
                    _log_skip(event, skip)
        case NoRoom():
            _log_skip(event, event.skip)
        case Answered() if _outcomes.isEnabledFor(logging.INFO):
            _outcomes.info(
                "%s answered by %s after %s%s",
                event.request_id,
                printable(event.served_by),
                _attempts(event.attempts),
                ", though checks rejected it" if event.rejected else "",
            )
        case Exhausted() if _outcomes.isEnabledFor(logging.INFO):
            retry = f", retry after {event.retry_after:.0f} s" if event.retry_after else ""
            reached = _attempts(event.attempts)
            _outcomes.info("%s not answered after %s%s", event.request_id, reached, retry)
        case _:
            pass  # the modules in which they happen write the other events to the log


def _log_skip(event: Event, skip: Skip) -> None:
    model, detail = printable(skip.model), printable(skip.detail)
    _decisions.debug("%s skips %s (%s): %s", event.request_id, model, skip.reason, detail)


def _decision(decision: Decision) -> str:
    """What was decided, in one line: `task code, complexity hard: big, small (rules: r)`."""
    facts = [
        f"{name} {printable(value)}"
        for name, value in (("task", decision.task), ("complexity", decision.complexity))
        if value is not None
    ]
    if decision.denied is not None:
        result = f"denied: {printable(decision.denied)}"
    else:
        result = ", ".join(printable(c.name) for c in decision.candidates) or "no model"
    rules = f" (rules: {printable(', '.join(decision.rules))})" if decision.rules else ""
    effects = [f"{printable(e.source)} {printable(e.detail)}" for e in decision.shadow]
    shadow = f" (in shadow: {'; '.join(effects)})" if effects else ""
    return f"{', '.join(facts) or 'no task'}: {result}{rules}{shadow}"


def _attempts(attempts: tuple[Attempt, ...]) -> str:
    """`2 attempts (small: timeout, big: ok), 3.2 s, $0.0012`."""
    if not attempts:
        return "no attempt"
    ends = ", ".join(f"{printable(a.model)}: {a.failure or 'ok'}" for a in attempts)
    seconds = sum(attempt.seconds for attempt in attempts)
    cost = sum(attempt.cost_nano_usd or 0 for attempt in attempts)
    number = "1 attempt" if len(attempts) == 1 else f"{len(attempts)} attempts"
    return f"{number} ({ends}), {seconds:.1f} s, ${format_usd(cost)}"
