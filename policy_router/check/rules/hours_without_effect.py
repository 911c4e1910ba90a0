"""a price at certain hours that never applies, or is the same as at other hours

Of the prices under `at`, the first whose hours contain the time applies. One whose hours all belong
to earlier ones never applies, and one with the rates of the other hours changes nothing.

Bad:
    models:
      x:
        model: hosted_vllm/x
        tier: heavy
        context: 32k
        price:
          input: $1/M
          output: $2/M
          at:
            - { hours: 20:00-08:00, input: $0.50/M }
            - { hours: 22:00-06:00, input: $0.25/M }
    budgets:
      all: { cap: $10/month }

Good:
    models:
      x:
        model: hosted_vllm/x
        tier: heavy
        context: 32k
        price:
          input: $1/M
          output: $2/M
          at:
            - { hours: 22:00-06:00, input: $0.25/M }
            - { days: sat-sun, input: $0.50/M }
    budgets:
      all: { cap: $10/month }
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from policy_router.check.hours import in_force, stated_prices
from policy_router.check.subject import warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    places = subject.draft.places
    for name, price, ranges in stated_prices(subject):
        before = 0
        for i, ((_, other), parts) in enumerate(
            zip(price.by_hour, in_force(ranges)[1], strict=True)
        ):
            message = help_ = ""
            applies = parts & ~before
            before |= parts
            if not applies:
                message = "the prices before this one apply at all of its hours"
                help_ = "move it up, or remove it"
            elif other == replace(price, by_hour=()) and len(price.by_hour) == 1:
                message = "the price at these hours is the same as at other hours"
                help_ = "write the rates that differ, or remove it"
            if message:
                span = places.value(("models", name, "price", "at", i))
                yield warning("hours-without-effect", message, span, help_)
