"""prices at certain hours of which some hours belong to two

Where two prices under `at` apply at the same time, the first one counts. That may be meant, and is
more often a mistake in the hours, the days or the time zone of one of them.

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
            - { hours: 01:00-04:00, zone: UTC, input: $2/M }
            - { hours: 03:00-10:00, zone: UTC, input: $3/M }
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
            - { hours: 01:00-04:00, zone: UTC, input: $2/M }
            - { hours: 06:00-10:00, zone: UTC, input: $3/M }
    budgets:
      all: { cap: $10/month }
"""

from __future__ import annotations

from datetime import datetime
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
        times, parts = in_force(ranges)
        before = 0
        for i, (hours, own) in enumerate(price.by_hour):
            inside, never = parts[i], not parts[i] & ~before
            before |= inside
            if never:
                continue  # `hours-without-effect` reports it
            for earlier, (_, first) in zip(parts[:i], price.by_hour, strict=False):
                shared = inside & earlier
                if shared and shared != inside and first != own:
                    begin = times[(shared & -shared).bit_length() - 1]
                    local = datetime.fromtimestamp(begin, hours.zone)
                    yield warning(
                        "overlapping-hours",
                        f"on {local:%A} at {local:%H:%M} ({hours.zone}) an earlier price applies "
                        "as well, and that one counts",
                        places.value(("models", name, "price", "at", i)),
                        "correct the hours, the days or the zone",
                    )
                    break
