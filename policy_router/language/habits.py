"""Fields and words of other tools, and what to write in a policy instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


NO_PARAMETERS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("model", "fallbacks"), "the policy chooses the model: write another entry of `models`"
    ),
    **dict.fromkeys(
        ("messages", "prompt", "input", "system", "user", "metadata"),
        "this is part of each request",
    ),
    **dict.fromkeys(
        ("tools", "functions", "modalities", "audio", "web_search_options", "prediction", "n"),
        "this is part of each request: it decides which models can answer, and what they may cost",
    ),
    **dict.fromkeys(
        ("stream", "stream_options"), "the caller of the router chooses whether it gets a stream"
    ),
    **dict.fromkeys(
        ("api_base", "base_url", "api_version"), "the address is `api_base`, next to `params`"
    ),
    **dict.fromkeys(
        ("api_key", "key", "token"),
        "keys stay in the environment: `api_key_env`, next to `params`, names the variable",
    ),
    **dict.fromkeys(
        ("timeout", "request_timeout"),
        "use `deadline`, next to `params`, for the timeout of a call",
    ),
    **dict.fromkeys(
        ("num_retries", "max_retries"), "retries are configured in the policy's `fallback`"
    ),
    **dict.fromkeys(
        ("max_completion_tokens", "max_output_tokens"), "use `max_tokens` for the cap on an answer"
    ),
    **dict.fromkeys(
        ("reasoning_effort", "reasoning", "thinking", "thinking_budget", "output_config"),
        "use `effort`, next to `params`, for how much the model reasons",
    ),
    **dict.fromkeys(
        ("extra_body", "extra_headers", "headers"),
        "only the parameters of OpenAI's chat completions can be sent",
    ),
}
"""Names that are neither `params` nor `defaults` of a model, and why."""

FIELDS_OF_OTHER_TOOLS: Final[Mapping[str, Mapping[str, str]]] = {
    "models": {
        **dict.fromkeys(
            ("url", "base_url", "endpoint", "host", "address", "server", "api_url", "base"),
            "use `api_base` for the address",
        ),
        **dict.fromkeys(
            ("api_key", "apikey", "key", "token", "secret", "auth"),
            "keys stay in the environment: `api_key_env` names the variable that holds the key",
        ),
        **dict.fromkeys(
            ("url_env", "base_url_env", "host_env"),
            "use `api_base_env` to name the variable that holds the address",
        ),
        **dict.fromkeys(
            ("keys", "api_keys", "api_key_envs"), "list the names of the variables in `api_key_env`"
        ),
        **dict.fromkeys(
            ("extends", "inherit", "inherits", "base_model", "same_as", "from", "copy"),
            "use `like` to inherit all other fields from another model",
        ),
        **dict.fromkeys(
            ("reasoning_effort", "reasoning", "thinking", "thinking_budget", "output_config"),
            "use `effort` for how much it reasons: none, minimal, low, medium, high or max",
        ),
        **dict.fromkeys(
            ("parameters", "extra_body", "options", "settings", "temperature", "top_p"),
            "use `params` for parameters of every call, and `defaults` for those that a request "
            "may override",
        ),
        **dict.fromkeys(
            ("timeout", "request_timeout"), "use `deadline` for the timeout of one call"
        ),
        "ttft": "use `first_token_within` for the timeout until the first token",
        **dict.fromkeys(
            ("context_window", "context_length", "max_context", "max_input_tokens", "num_ctx"),
            "use `context` for the size of the context",
        ),
        **dict.fromkeys(
            ("max_tokens", "max_output_tokens", "max_completion_tokens"),
            "use `max_output` for the maximum length of an answer",
        ),
        **dict.fromkeys(
            ("capabilities", "abilities", "supports", "features", "needs"),
            "use `can` for the abilities of a model",
        ),
        **dict.fromkeys(("cost", "pricing", "costs"), "use `price` for what it costs"),
        **dict.fromkeys(("labels", "groups", "label"), "use `tags` for words that select it"),
        **dict.fromkeys(("rpm", "tpm", "limit", "rate_limit"), "write  limits: [50/min]"),
        **dict.fromkeys(
            ("name", "id", "alias"), "its name is its key; what LiteLLM calls it by is `model`"
        ),
        "provider": "the provider is the first part of `model`: openai/gpt-4o",
        "min_tier": "a model belongs to one tier: `tier`",
        "free": "write  price: free",
    },
    "rules": {
        "then": "a rule's effects have their own fields: only, avoid, first, min_tier, "
        "needs, the criteria such as max_cost, prefer, deny or accept",
        "else": "a rule has no `else`; write another rule for the requests that do not meet `when`",
        **dict.fromkeys(("if", "condition", "match", "where"), "use `when` for the condition"),
        "unless": "write the opposite under `when`, with  not",
        **dict.fromkeys(
            ("allow", "use", "route_to", "to", "models", "model", "target"),
            "no rule can add models: `only` excludes all others, `first` tries some first",
        ),
        **dict.fromkeys(
            ("exclude", "except", "block", "never", "forbid", "skip", "not"),
            "use `avoid` for models that must not answer",
        ),
        **dict.fromkeys(
            ("order", "priority", "sort_by"),
            "`first` lists the models to try first, and `prefer` what the others are sorted by",
        ),
        **dict.fromkeys(
            ("last", "fallback"), "there is no `last`: list the other models in `first`"
        ),
        **dict.fromkeys(("reject", "refuse", "denied"), "use `deny` to deny a request"),
        **dict.fromkeys(
            ("max_tier", "maxTier", "tier_max"),
            "there is no maximum tier: list the higher tiers in `avoid`",
        ),
        **dict.fromkeys(("tier", "at_least"), "use `min_tier` for the lowest tier that may answer"),
        **dict.fromkeys(
            ("can", "requires", "capabilities", "abilities"),
            "use `needs` for abilities that a model must have",
        ),
        **dict.fromkeys(
            ("dry_run", "monitor", "observe", "log_only", "preview"),
            "write  shadow: true  to record a rule without applying it",
        ),
    },
    "tasks": {
        **dict.fromkeys(
            ("max_tier", "maxTier"),
            "there is no maximum tier: list the higher tiers in `avoid`",
        ),
        "tier": "use `min_tier` for the lowest tier that does it well",
        **dict.fromkeys(
            ("regex", "regexp", "patterns", "match"), "use `pattern` (RE2) to identify it"
        ),
        **dict.fromkeys(
            ("words", "triggers", "phrases", "keyword"), "use `keywords` for words that identify it"
        ),
        **dict.fromkeys(
            ("models", "allow", "route_to", "order"),
            "use `use` for the only models to try, in order; `only` excludes all others",
        ),
        **dict.fromkeys(
            ("can", "requires", "capabilities", "abilities"),
            "use `needs` for what a model must have, `when_needs` for what identifies it",
        ),
        "timeout": "the time for the whole request is `deadline`",
        "when": "a task has keywords, a pattern or when_needs; a rule has a condition",
    },
    "budgets": {
        **dict.fromkeys(
            ("limit", "amount", "max", "budget", "max_budget", "max_spend"),
            "use `cap` for the amount: $50/month",
        ),
        **dict.fromkeys(
            ("period", "window", "interval", "duration", "budget_duration"),
            "the period is part of `cap`: $50/month",
        ),
        **dict.fromkeys(
            ("on_exceed", "on_exceeded", "action", "else"),
            "use `then` for what happens when it is spent",
        ),
        **dict.fromkeys(
            ("alert_at", "alerts", "warn", "thresholds", "soft_limit"),
            "use `warn_at` for warnings: [80%]",
        ),
    },
    "limits": {
        **dict.fromkeys(
            ("rpm", "rate", "requests_per_minute", "limit"), "write  requests: [60/min]"
        ),
        **dict.fromkeys(("tpm", "tokens_per_minute"), "write  tokens: [200k/min]"),
        **dict.fromkeys(
            ("max_concurrent", "concurrency", "parallel", "max_parallel_requests"),
            "use `concurrent` for concurrent requests",
        ),
    },
    "fallback": {
        **dict.fromkeys(
            ("retries", "max_retries", "num_retries"),
            "`max_attempts` counts every call, including the first one",
        ),
        **dict.fromkeys(
            ("timeout", "request_timeout", "total_timeout"),
            "the time for the whole request is `deadline`",
        ),
        **dict.fromkeys(
            ("min_attempts", "step_up"), "there is no such setting: models are tried in order"
        ),
    },
    "": {
        **dict.fromkeys(
            ("routes", "routing", "policies"), "which model answers is decided by `rules`"
        ),
        **dict.fromkeys(("providers", "model_list", "deployments"), "models go under `models`"),
        **dict.fromkeys(("fallbacks", "retry"), "use `fallback` for what happens after a failure"),
        **dict.fromkeys(("tz", "time_zone"), "use `timezone` for the time zone"),
        **dict.fromkeys(("budget", "spend"), "caps on money go under `budgets`"),
        **dict.fromkeys(
            ("default", "default_model"), "the order is `prefer`, or `first` in a rule"
        ),
        **dict.fromkeys(("facts", "fields"), "use `attributes` for your own facts"),
    },
}
"""Section -> a field of other tools -> what to write instead: the equivalent field, or another way
to express it. "" is the top level."""

REASONS: Final[Mapping[str, str]] = {
    "deny": "denied", "needs": "ability", "min_tier": "tier", "max_cost": "cost",
    "max_latency": "latency", "min_quality": "quality", "max_price": "price",
    "limit": "rate_limit", "limits": "rate_limit", "cooldown": "cooling",
}  # fmt: skip
"""A key of the policy -> the reason for excluding a model that tests use for it."""

WEEKDAYS: Final[Mapping[str, str]] = {
    name: name[:3]
    for name in (
        "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "tues",
        "thurs",
    )
}  # fmt: skip

BOOLEANS: Final[Mapping[str, bool]] = {
    "yes": True, "y": True, "on": True, "true": True, "1": True,
    "no": False, "n": False, "off": False, "false": False, "0": False,
}  # fmt: skip

ZONES: Final[Mapping[str, str]] = {
    "CEST": "Europe/Berlin", "WEST": "Europe/Lisbon", "EEST": "Europe/Athens",
    "BST": "Europe/London", "EDT": "America/New_York", "CDT": "America/Chicago",
    "CST": "America/Chicago", "MDT": "America/Denver", "PDT": "America/Los_Angeles",
    "PST": "America/Los_Angeles", "JST": "Asia/Tokyo", "KST": "Asia/Seoul", "IST": "Asia/Kolkata",
    "SGT": "Asia/Singapore", "AEST": "Australia/Sydney", "AEDT": "Australia/Sydney",
    "NZST": "Pacific/Auckland", "MSK": "Europe/Moscow", "BRT": "America/Sao_Paulo",
}  # fmt: skip
"""Abbreviation of a time zone -> one place in it."""
