"""Renders a usage report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.decision.wording import spell_amount
from policy_router.diagnostics import printable
from policy_router.domain.limits import Metric
from policy_router.domain.money import format_usd
from policy_router.views import decision as decision_view
from policy_router.views.counters import amount, identity, owner, title, usage_of
from policy_router.views.document import document
from policy_router.views.lines import Table, bar, count
from policy_router.views.times import iso, spell_time

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.domain.limits import Limit
    from policy_router.domain.models import Model
    from policy_router.reports.usage import CounterUsage, PeriodUsage, Tally, UsageReport
    from policy_router.views.lines import Block

LISTED: Final = 10
"""Users, tenants, teams, keys or sessions that are listed for one limit or budget."""


@dataclass(frozen=True, slots=True)
class UsageView:
    """A usage report with what is needed to show it.

    Attributes:
        report: The report.
        policy: The policy whose limits and budgets it is about.
        state: The store it was read from, without a password.
        all: Whether every user, tenant, team, key and session is listed, not only the largest.
    """

    report: UsageReport
    policy: Policy
    state: str
    all: bool = False

    @property
    def counters(self) -> list[tuple[Limit, list[CounterUsage]]]:
        """Every limit of the policy with its counters."""
        return [
            (limit, [c for c in self.report.counters if c.limit.key() == limit.key()])
            for limit in self.policy.limits
        ]

    def listed(self, counters: list[CounterUsage]) -> list[CounterUsage]:
        """Return the counters of one limit that are shown."""
        return counters if self.all else counters[:LISTED]


def as_lines(view: UsageView) -> list[Block]:
    """Return tables of the counters, and of the models today and this month."""
    report, policy = view.report, view.policy
    head = f"policy {printable(policy.name)} @{policy.revision[:7]}"
    lines: list[Block] = [[(head, "bold"), (f"  {view.state}", "dim")], "", *_counters(view)]
    for name, period in (("Today", report.today), ("This month", report.month)):
        lines += ["", [(f"{name}, {period.label}", "bold")], *_models(period, policy)]
    if report.since is not None:
        since = spell_time(report.since, report.now, policy.timezone)
        lines += ["", [(f"Usage of models before {since} is no longer kept.", "yellow")]]
    return lines


def _counters(view: UsageView) -> list[Block]:
    rows: list[tuple[str, ...]] = [("", "used", "share", "", "reserved", "")]
    for limit, counters in view.counters:
        listed = view.listed(counters)
        rows += [_counter(counter, view) for counter in listed]
        if not counters:
            none = f"each {limit.per}: {usage_of(limit, 0)}"
            rows.append((title(limit), none, "", "", "", ""))
        if len(listed) < len(counters):
            more = f"and {len(counters) - len(listed):,} more: --all"
            rows.append((title(limit), more, "", "", "", ""))
    if len(rows) == 1:
        return ["The policy has no limits and no budgets."]
    return [Table(rows, header=True, right=frozenset({2, 4}))]


def _counter(counter: CounterUsage, view: UsageView) -> tuple[str, ...]:
    limit, zone, now = counter.limit, view.policy.timezone, view.report.now
    whose = owner(limit, counter.subject)
    renewal = ""
    if counter.resets is not None:
        renewal = f"resets {spell_time(counter.resets, now, zone)}"
    elif counter.opens is not None:
        renewal = f"opens {spell_time(counter.opens, now, zone)}"
    return (
        f"{title(limit)}, {whose}" if whose else title(limit),
        usage_of(limit, counter.used),
        "" if counter.share is None else f"{counter.share:.0%}",
        "" if counter.share is None else bar(counter.share),
        spell_amount(limit.metric, counter.held) if counter.held else "",
        renewal,
    )


def _models(period: PeriodUsage, policy: Policy) -> list[Block]:
    if not period.models:
        return ["no calls yet" if policy.limits else "nothing is counted without limits or budgets"]
    rows: list[tuple[str, ...]] = [("", "requests", "tokens in", "tokens out", "cost")]
    for name, tally in period.models:
        rows.append((printable(name), *_numbers(tally), _cost(policy, name, tally)))
    if len(period.models) > 1:
        total = period.total()
        rows.append(("all", *_numbers(total), spell_amount(Metric.USD, total.cost)))
    lines: list[Block] = [Table(rows, header=True, right=frozenset({1, 2, 3, 4}))]
    free, answers = _free_answers(period, policy)
    if answers:
        share = f"{free:,} of {count(answers, 'answer')}, {free / answers:.0%}"
        lines.append(f"free models: {share}")
    return lines


def _numbers(tally: Tally) -> tuple[str, str, str]:
    return f"{tally.requests:,}", f"{tally.tokens_in:,}", f"{tally.tokens_out:,}"


def _cost(policy: Policy, name: str, tally: Tally) -> str:
    model = policy.models_by_name.get(name)
    if model is not None and model.price is None and not tally.cost:
        return "unknown"
    if model is not None and model.free:
        return decision_view.free(model)
    return spell_amount(Metric.USD, tally.cost)


def _free_answers(period: PeriodUsage, policy: Policy) -> tuple[int, int]:
    """Return the number of answers of models that the policy calls free, and of all answers."""
    free = period.total(model.name for model in policy.models if model.free)
    return free.answers, period.total().answers


def as_json(view: UsageView) -> dict[str, object]:
    """Return a usage report as a JSON document."""
    report, policy = view.report, view.policy
    counters = [counter for _, each in view.counters for counter in view.listed(each)]
    return document(
        policy={"name": policy.name, "revision": policy.revision},
        state=view.state,
        at=iso(report.now, policy.timezone),
        counters=[_counter_as_json(counter, policy) for counter in counters],
        today=_period_as_json(report.today, policy),
        month=_period_as_json(report.month, policy),
        ledger_since=iso(report.since, policy.timezone),
    )


def _counter_as_json(counter: CounterUsage, policy: Policy) -> dict[str, object]:
    limit = counter.limit
    return {
        **identity(limit, counter.subject),
        "used": amount(limit.metric, counter.used),
        "held": None if counter.held is None else amount(limit.metric, counter.held),
        "share": counter.share,
        "resets": iso(counter.resets, policy.timezone),
        "opens": iso(counter.opens, policy.timezone),
    }


def _period_as_json(period: PeriodUsage, policy: Policy) -> dict[str, object]:
    free, answers = _free_answers(period, policy)
    models = policy.models_by_name
    return {
        "label": period.label,
        "models": [
            {
                "model": name,
                "free": models[name].free if name in models else None,
                **_weight(models.get(name)),
                **_tally_as_json(tally),
            }
            for name, tally in period.models
        ],
        "total": _tally_as_json(period.total()),
        "free_answers": free,
        "free_share": free / answers if answers else None,
    }


def _weight(model: Model | None) -> dict[str, object]:
    return {} if model is None or model.weight == 1 else {"weight": model.weight}


def _tally_as_json(tally: Tally) -> dict[str, object]:
    return {
        "requests": tally.requests,
        "answers": tally.answers,
        "tokens_in": tally.tokens_in,
        "tokens_out": tally.tokens_out,
        "cost_usd": format_usd(tally.cost),
    }
