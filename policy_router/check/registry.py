"""Every lint rule, by name. A rule that is not in this table does not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.check.rules import (
    budget_below_one_request,
    calls_own_function,
    checks_need_whole_answers,
    cloud_is_not_local,
    constant_test,
    contradicting_rules,
    credentials_in_address,
    dead_rule,
    deprecated_model,
    disguised_address,
    fallback_to_smaller_context,
    free_but_priced,
    hidden_character,
    impossible_length,
    limit_below_one_request,
    key_of_another,
    key_over_plain_http,
    look_alike,
    metadata_address,
    missing_context,
    missing_price,
    nested_repetition,
    no_effect_yet,
    no_free_model,
    nobody_to_escalate_to,
    order_conflict,
    placeholder,
    price_zero_is_not_free,
    quota_above_budget,
    rule_without_effect,
    secret_in_policy,
    selector_matches_nothing,
    task_shadowed,
    uncovered_model,
    unknown_provider,
    unreachable_model,
    unusable_address,
    unused_model,
    unused_tier,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic

LINT: Final[Mapping[str, Callable[[Subject], Iterator[Diagnostic]]]] = {
    "selector-matches-nothing": selector_matches_nothing.check,
    "unused-tier": unused_tier.check,
    "unused-model": unused_model.check,
    "unreachable-model": unreachable_model.check,
    "dead-rule": dead_rule.check,
    "constant-test": constant_test.check,
    "rule-without-effect": rule_without_effect.check,
    "contradicting-rules": contradicting_rules.check,
    "order-conflict": order_conflict.check,
    "task-shadowed": task_shadowed.check,
    "nested-repetition": nested_repetition.check,
    "no-free-model": no_free_model.check,
    "uncovered-model": uncovered_model.check,
    "budget-below-one-request": budget_below_one_request.check,
    "limit-below-one-request": limit_below_one_request.check,
    "quota-above-budget": quota_above_budget.check,
    "missing-price": missing_price.check,
    "price-zero-is-not-free": price_zero_is_not_free.check,
    "free-but-priced": free_but_priced.check,
    "missing-context": missing_context.check,
    "deprecated-model": deprecated_model.check,
    "unknown-provider": unknown_provider.check,
    "fallback-to-smaller-context": fallback_to_smaller_context.check,
    "cloud-is-not-local": cloud_is_not_local.check,
    "impossible-length": impossible_length.check,
    "nobody-to-escalate-to": nobody_to_escalate_to.check,
    "checks-need-whole-answers": checks_need_whole_answers.check,
    "calls-own-function": calls_own_function.check,
    "no-effect-yet": no_effect_yet.check,
    "placeholder": placeholder.check,
    "metadata-address": metadata_address.check,
    "key-over-plain-http": key_over_plain_http.check,
    "key-of-another": key_of_another.check,
    "unusable-address": unusable_address.check,
    "disguised-address": disguised_address.check,
    "look-alike": look_alike.check,
    "hidden-character": hidden_character.check,
}

TEXT_RULES: Final[Mapping[str, Callable[[Mapping[str, str]], Iterator[Diagnostic]]]] = {
    "secret-in-policy": secret_in_policy.check_text,
    "credentials-in-address": credentials_in_address.check_text,
    "hidden-character": hidden_character.check_text,
}
"""Rules that look at the bare text of the files."""
