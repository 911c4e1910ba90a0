"""a tier whose models no request can ever get

Rules, tasks and minimum tiers together exclude each of them from every request, so the tier is
useless and still has to be reviewed. Where rules exclude its only model, `unreachable-model`
says so.

Bad:
    fallback: { step_down: false }
    tasks: { code: { keywords: [refactor], min_tier: heavy }, chat: { min_tier: heavy } }

Good:
    fallback: { step_down: false }
    tasks: { code: { keywords: [refactor], min_tier: heavy }, chat: {} }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import Subject, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    policy = subject.policy
    by_name = {model.name: sources for model, sources in subject.unreachable}
    for number, tier in enumerate(policy.tiers):
        names = [model.name for model in policy.models if model.rank == number]
        if not names or any(name not in by_name for name in names):
            continue
        sources = list({each.says: each for name in names for each in by_name[name]}.values())
        below = any(source.rule is None and source.below for source in sources)
        # What only money excludes is reported by uncovered-model and missing-price.
        meant = [each for each in sources if each.rule is not None or each.of_task or each.below]
        if meant and (below or len(names) > 1):
            together = ", ".join(each.says for each in sources)
            yield warning(
                "unreachable-tier",
                f"no request can ever get a model of the tier `{tier}`: {together} "
                f"{'exclude' if len(sources) > 1 else 'excludes'} them from all requests",
                subject.draft.places.value(("tiers", number)),
                "narrow one of them, or remove the tier",
            )
