"""Renders how two policies differ: as lines, as Markdown for a pull request, and as JSON."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from policy_router.assurance.reproduce import route_command, shown_facts
from policy_router.diagnostics import printable
from policy_router.domain.money import format_usd, spell_usd
from policy_router.views.document import document
from policy_router.views.lines import count
from policy_router.views.markdown import markdown_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy_router.assurance.compare import PolicyDiff
    from policy_router.assurance.promises import Proof
    from policy_router.assurance.region import Region, Replay
    from policy_router.assurance.settings import Setting
    from policy_router.reports.replayed_traffic import MeanChange, TrafficChange
    from policy_router.views.lines import Block

_SHOWN: Final = 20
"""Regions that are written out for people; JSON has all of them."""
NO_PROOF: Final = "no difference was found, but it is not proved that there is none"


def verdict(compared: PolicyDiff) -> str:
    """Say in one sentence whether two policies decide alike."""
    if compared.equal:
        return "proved: both policies allow the same models in the same order for every request"
    if not compared.regions:
        return NO_PROOF
    more = "at least " if compared.more else ""
    parts = []
    for rest, number in (
        ("more models", sum(bool(r.shown.gained) for r in compared.regions)),
        ("fewer models", sum(bool(r.shown.lost) for r in compared.regions)),
        ("another order", sum(r.shown.reordered for r in compared.regions)),
    ):
        if number:
            parts.append(f"{number} with {rest}")
    regions = count(len(compared.regions), "region")
    return f"{more}{regions} of requests decided differently: {', '.join(parts)}"


# -- lines -----------------------------------------------------------------------------------------


def as_lines(
    compared: PolicyDiff, broken: Sequence[Proof], traffic: TrafficChange | None
) -> list[Block]:
    """Return a comparison as lines for a terminal.

    Args:
        compared: How the policies differ.
        broken: The promises that no longer hold.
        traffic: What logged requests say about it, if there are any.
    """
    lines: list[Block] = [[(verdict(compared), "bold green" if compared.equal else "bold")]]
    for cause, group in _by_cause(compared.regions[:_SHOWN]):
        lines += ["", [(cause, "bold")]]
        for region in group:
            lines.append(f"  where {printable(region.where)}")
            lines += [f"    {line}" for line in _effects(region.shown)]
            lines.append(f"    shown by {_request(compared, region.shown)}")
            if traffic is not None:
                lines.append(f"    {_weight(traffic, compared, region)}")
    if len(compared.regions) > _SHOWN:
        lines += ["", f"and {len(compared.regions) - _SHOWN} more regions; --json has all of them"]
    for title, rows in (
        ("Costs more", [_rise(compared, region) for region in compared.rises]),
        ("Promises that no longer hold", [_broken(proof) for proof in broken]),
        ("Not decided", [printable(doubt) for doubt in compared.doubts]),
        ("Traffic", [] if traffic is None else _traffic(traffic)),
        ("Changed in the files", [_setting(setting) for setting in compared.settings]),
    ):
        if rows:
            lines += ["", [(title, "bold")], *(f"  {row}" for row in rows)]
    return lines


def _by_cause(regions: Sequence[Region]) -> Iterator[tuple[str, list[Region]]]:
    order = {region.cause: i for i, region in reversed(list(enumerate(regions)))}
    ranked = sorted(regions, key=lambda region: order[region.cause])
    for cause, group in groupby(ranked, key=lambda region: region.cause):
        yield printable(cause), list(group)


def _effects(shown: Replay) -> Iterator[str]:
    """What changes at a request."""
    if shown.gained:
        yield f"now also {_names(shown.gained)}"
    if shown.lost:
        yield f"no longer {_names(shown.lost)}"
    before, after = _names(shown.before) or "no model", _names(shown.after) or "no model"
    yield f"before: {before}"
    yield f"now:    {after}"
    if shown.cost_before != shown.cost_after and shown.before and shown.after:
        yield f"cost of the first: {_usd(shown.cost_before)} before, {_usd(shown.cost_after)} now"


def _names(names: Sequence[str]) -> str:
    return ", ".join(printable(name) for name in names)


def _usd(cost: int | None) -> str:
    return "unknown" if cost is None else spell_usd(cost)


def _request(compared: PolicyDiff, shown: Replay) -> str:
    """A request as the command that decides it, or as its facts."""
    command = route_command(compared.new, shown.witness)
    if command is not None:
        return printable(command)
    facts = shown_facts(compared.new, shown.witness)
    return printable(" ".join(f"{name}={value}" for name, value in facts.items())) or "any request"


def _broken(proof: Proof) -> str:
    example = proof.counterexample
    how = "" if example is None else f": a request shows {printable(example.how)}"
    return f"`{printable(proof.invariant.name)}` ({proof.promise}){how}"


def _rise(compared: PolicyDiff, region: Region) -> str:
    """A request whose first model costs more."""
    shown = region.shown
    first = printable(shown.after[0]) if shown.after else "no model"
    costs = f"{first} for {_usd(shown.cost_after)} instead of "
    costs += f"{shown.before[0]} for {_usd(shown.cost_before)}" if shown.before else "no model"
    return f"{printable(region.cause)}: {costs}, shown by {_request(compared, shown)}"


def _setting(setting: Setting) -> str:
    fields = f": {', '.join(setting.fields)}" if setting.fields else ""
    return f"{printable(setting.what)} {setting.how}{fields}"


def _weight(traffic: TrafficChange, compared: PolicyDiff, region: Region) -> str:
    number = traffic.by_region[compared.regions.index(region)]
    share = number / traffic.requests if traffic.requests else 0
    return f"{number:,} of {traffic.requests:,} logged requests ({share:.1%})"


def _traffic(traffic: TrafficChange) -> list[str]:
    lines = [
        f"{traffic.changed:,} of {traffic.requests:,} logged requests are decided differently",
    ]
    if traffic.skipped:
        lines.append(f"{traffic.skipped:,} logged requests are not valid for both policies")
    if traffic.cost is not None:
        lines.append(f"cost of a request: {_dollars(traffic.cost)}")
    if traffic.free is not None:
        change = traffic.free
        lines.append(
            f"share of free models: {change.value * 100:+.2f} points "
            f"({change.low * 100:+.2f} to {change.high * 100:+.2f})"
        )
    return lines


def _dollars(change: MeanChange) -> str:
    value, low, high = (
        f"{'-' if each < 0 else '+'}{spell_usd(abs(round(each)))}"
        for each in (change.value, change.low, change.high)
    )
    return f"{value} ({low} to {high})"


# -- Markdown --------------------------------------------------------------------------------------


def as_markdown(
    compared: PolicyDiff, broken: Sequence[Proof], traffic: TrafficChange | None
) -> str:
    """Return a comparison as Markdown, as a comment on a pull request shows it.

    Args:
        compared: How the policies differ.
        broken: The promises that no longer hold.
        traffic: What logged requests say about it, if there are any.
    """
    lines = ["### Policy diff", "", f"**{markdown_text(verdict(compared))}.**", ""]
    shown = compared.regions[:_SHOWN]
    if shown:
        weights = " | logged requests" if traffic is not None else ""
        lines += [f"| requests | because of | before | now{weights} |"]
        lines += ["|---|---|---|---" + ("|---" if traffic is not None else "") + "|"]
        for region in shown:
            cells = [
                region.where,
                region.cause,
                _with_cost(region.shown.before, region.shown.cost_before),
                _with_cost(region.shown.after, region.shown.cost_after),
            ]
            if traffic is not None:
                cells.append(f"{traffic.by_region[compared.regions.index(region)]:,}")
            lines.append("| " + " | ".join(markdown_text(cell) for cell in cells) + " |")
        if len(compared.regions) > _SHOWN:
            lines += ["", f"and {len(compared.regions) - _SHOWN} more regions"]
        lines += ["", "<details><summary>Requests that show it</summary>", "", "```sh"]
        lines += [_request(compared, region.shown) for region in shown]
        lines += ["```", "", "</details>", ""]
    for title, rows in (
        ("Costs more", [_rise(compared, region) for region in compared.rises]),
        ("Promises that no longer hold", [_broken(proof) for proof in broken]),
        ("Not decided", list(compared.doubts)),
        ("Traffic", [] if traffic is None else _traffic(traffic)),
        ("Changed in the files", [_setting(setting) for setting in compared.settings]),
    ):
        if rows:
            lines += [f"**{title}**", "", *(f"- {markdown_text(row)}" for row in rows), ""]
    return "\n".join(lines).rstrip() + "\n"


def _with_cost(names: Sequence[str], cost: int | None) -> str:
    if not names:
        return "no model"
    price = "" if cost is None else f" ({spell_usd(cost)})"
    return f"{', '.join(names)}{price}"


# -- JSON ------------------------------------------------------------------------------------------


def as_json(
    compared: PolicyDiff, broken: Sequence[Proof], traffic: TrafficChange | None
) -> dict[str, object]:
    """Return a comparison as a JSON document.

    Args:
        compared: How the policies differ.
        broken: The promises that no longer hold.
        traffic: What logged requests say about it, if there are any.
    """
    return document(
        equal=compared.equal,
        verdict=verdict(compared),
        widens=compared.widens,
        costs_more=compared.costs_more,
        old=compared.old.revision,
        new=compared.new.revision,
        regions=[
            _region(compared, region, None if traffic is None else traffic.by_region[i])
            for i, region in enumerate(compared.regions)
        ],
        rises=[_region(compared, region, None) for region in compared.rises],
        more=compared.more,
        doubts=[printable(doubt) for doubt in compared.doubts],
        broken_promises=[
            {"invariant": printable(proof.invariant.name), "promise": proof.promise.value}
            for proof in broken
        ],
        settings=[
            {"what": printable(each.what), "how": each.how, "fields": list(each.fields)}
            for each in compared.settings
        ],
        traffic=None if traffic is None else _traffic_as_json(traffic),
    )


def _region(compared: PolicyDiff, region: Region, weight: int | None) -> dict[str, object]:
    shown = region.shown
    facts = shown_facts(compared.new, shown.witness)
    return {
        "cause": printable(region.cause),
        "where": printable(region.where),
        "gained": list(shown.gained),
        "lost": list(shown.lost),
        "reordered": shown.reordered,
        "before": list(shown.before),
        "now": list(shown.after),
        "cost_before_usd": None if shown.cost_before is None else format_usd(shown.cost_before),
        "cost_now_usd": None if shown.cost_after is None else format_usd(shown.cost_after),
        "request": {name: printable(v) if isinstance(v, str) else v for name, v in facts.items()},
        "command": route_command(compared.new, shown.witness),
        "logged_requests": weight,
    }


def _traffic_as_json(traffic: TrafficChange) -> dict[str, object]:
    def interval(change: MeanChange | None, scale: float) -> dict[str, float] | None:
        if change is None:
            return None
        return {
            "value": change.value / scale, "low": change.low / scale, "high": change.high / scale,
        }  # fmt: skip

    return {
        "requests": traffic.requests,
        "changed": traffic.changed,
        "skipped": traffic.skipped,
        "cost_usd": interval(traffic.cost, 1e9),
        "free_share": interval(traffic.free, 1),
    }
