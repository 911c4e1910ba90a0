"""A document to a policy: every section compiled, then indexed.

All problems are collected, and a policy comes out only when there is no error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.decision.index import TooLarge
from policy_router.decision.policy import Policy
from policy_router.diagnostics import Severity
from policy_router.domain.facts import Vocabulary
from policy_router.domain.ordering import SortKey
from policy_router.language.compile.abilities import compile_abilities
from policy_router.language.compile.aliases import compile_aliases
from policy_router.language.compile.attributes import compile_attributes, compile_tags
from policy_router.language.compile.complexity import compile_bands, compile_complexity
from policy_router.language.compile.experiments import compile_experiments
from policy_router.language.compile.fallback import compile_fallback
from policy_router.language.compile.inherit import inherit
from policy_router.language.compile.insight import (
    compile_alerts,
    compile_discovery,
    compile_outcomes,
    compile_reports,
)
from policy_router.language.compile.invariants import compile_invariants
from policy_router.language.compile.learning import compile_learning
from policy_router.language.compile.limits import compile_limits
from policy_router.language.compile.models import compile_models, compile_tiers
from policy_router.language.compile.orders import compile_order
from policy_router.language.compile.policy_tests import compile_tests
from policy_router.language.compile.prompts import compile_prompts
from policy_router.language.compile.resolve import Resolver
from policy_router.language.compile.revision import revision
from policy_router.language.compile.rules import compile_rules
from policy_router.language.compile.sessions import compile_sessions
from policy_router.language.compile.tasks import compile_tasks, default_task
from policy_router.language.compile.timezone import compile_timezone

if TYPE_CHECKING:
    from policy_router.language.compile.draft import Draft

DEFAULT_PREFER: Final = (SortKey.FREE, SortKey.SMALLEST, SortKey.CHEAPEST)


def compile_document(draft: Draft) -> Policy | None:
    """The policy of a draft's document, or None when something in it is an error.

    Args:
        draft: The document and its places. Its diagnostics, models, selectors, conditions and
            policy are filled in, and models that are like others are completed.

    Raises:
        Cancelled: The policy is no longer wanted.
    """
    inherit(draft)
    document, resolver = draft.document, Resolver(draft)
    _require_models(draft)
    timezone = resolver.timezone = compile_timezone(resolver)
    tiers = compile_tiers(resolver)
    resolver.ranks = {name: rank for rank, name in enumerate(tiers)}
    abilities = compile_abilities(resolver)
    models = draft.models = resolver.models = compile_models(resolver)
    aliases = resolver.aliases = compile_aliases(resolver)
    bands = compile_bands(resolver)
    vocabulary = resolver.vocabulary = Vocabulary(
        list(document.tasks or ()),
        [band.name for band in bands],
        compile_attributes(resolver),
        tags=compile_tags(resolver),
        default_task=default_task(document.tasks or {}) is not None,
    )
    tasks = compile_tasks(resolver)
    complexity = compile_complexity(resolver)
    rules = compile_rules(resolver)
    limits = compile_limits(resolver)
    experiments = compile_experiments(resolver)
    prompts = compile_prompts(resolver)
    invariants = compile_invariants(resolver)
    tests = compile_tests(resolver)
    prefer = compile_order(resolver, document.prefer, ("prefer",))
    reports = compile_reports(resolver)
    discovery = compile_discovery(resolver)
    fallback = compile_fallback(resolver)
    learning = compile_learning(resolver)
    resolver.no_twins(("detect",), document.detect or (), "kind")
    if draft.names.unread or any(d.severity is Severity.ERROR for d in draft.diagnostics):
        return None
    draft.checkpoint()
    try:
        policy = Policy(
            name=document.name or "policy",
            description=document.description or "",
            timezone=timezone,
            tiers=tiers,
            models=models,
            aliases=aliases,
            abilities=abilities,
            tasks=tasks,
            bands=bands,
            prefer=DEFAULT_PREFER if prefer is None else prefer,
            rules=rules,
            fallback=fallback,
            limits=limits,
            vocabulary=vocabulary,
            revision=revision(document, models, draft.conditions),
            complexity=complexity,
            sessions=compile_sessions(resolver),
            experiments=experiments,
            learning=learning,
            prompts=prompts,
            invariants=invariants,
            tests=tests,
            outcomes=compile_outcomes(resolver),
            reports=reports,
            alerts=compile_alerts(resolver),
            discovery=discovery,
            detect=tuple(document.detect or ()),
        )
    except TooLarge:
        draft.error(
            "policy-too-large",
            "the conditions of the rules distinguish too many cases to be indexed",
            draft.places.key(("rules",)),
            "fewer rules, or fewer different values in their conditions; or several policies",
        )
        return None
    draft.policy = policy
    return policy


def _require_models(draft: Draft) -> None:
    """Report a policy without models, unless what could not be read may define some."""
    reported = "models" in draft.names.sections and not draft.whole
    if not draft.document.models and not reported and not draft.names.may_hold("models"):
        draft.error(
            "no-models",
            "the policy has no models",
            draft.places.key(("version",)),
            "add a section  models:  with at least one model",
        )
