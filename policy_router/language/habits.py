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
        "this comes with each request",
    ),
    **dict.fromkeys(
        ("tools", "functions", "modalities", "audio", "web_search_options", "prediction", "n"),
        "this comes with each request: it decides which models can answer, and what they may cost",
    ),
    **dict.fromkeys(
        ("stream", "stream_options"), "the caller of the router chooses whether it gets a stream"
    ),
    **dict.fromkeys(
        ("api_base", "base_url", "api_version"), "the address is `api_base`, next to `params`"
    ),
    **dict.fromkeys(
        ("api_key", "key", "token"),
        "a key stays in the environment: `api_key_env`, next to `params`, names the variable",
    ),
    **dict.fromkeys(
        ("timeout", "request_timeout"), "the longest time of a call is `deadline`, next to `params`"
    ),
    **dict.fromkeys(
        ("num_retries", "max_retries"), "the policy's `fallback` says what is called again"
    ),
    **dict.fromkeys(
        ("max_completion_tokens", "max_output_tokens"), "the cap on an answer is `max_tokens`"
    ),
    **dict.fromkeys(
        ("reasoning_effort", "reasoning", "thinking", "thinking_budget", "output_config"),
        "how much the model reasons is `effort`, next to `params`",
    ),
    **dict.fromkeys(
        ("extra_body", "extra_headers", "headers"),
        "only the parameters of OpenAI's chat completions can be sent",
    ),
}
"""Names that are no `params` and no `defaults` of a model, and why."""

FIELDS_OF_OTHER_TOOLS: Final[Mapping[str, Mapping[str, str]]] = {
    "models": {
        **dict.fromkeys(
            ("url", "base_url", "endpoint", "host", "address", "server", "api_url", "base"),
            "the address is `api_base`",
        ),
        **dict.fromkeys(
            ("api_key", "apikey", "key", "token", "secret", "auth"),
            "a key stays in the environment: `api_key_env` names the variable that holds it",
        ),
        **dict.fromkeys(
            ("url_env", "base_url_env", "host_env"),
            "the variable that holds the address is `api_base_env`",
        ),
        **dict.fromkeys(
            ("keys", "api_keys", "api_key_envs"), "list the names of the variables in `api_key_env`"
        ),
        **dict.fromkeys(
            ("extends", "inherit", "inherits", "base_model", "same_as", "from", "copy"),
            "the model that it takes all other fields from is `like`",
        ),
        **dict.fromkeys(
            ("reasoning_effort", "reasoning", "thinking", "thinking_budget", "output_config"),
            "how much it reasons is `effort`: none, minimal, low, medium, high or max",
        ),
        **dict.fromkeys(
            ("parameters", "extra_body", "options", "settings", "temperature", "top_p"),
            "parameters sent with every call are `params`, and those that a request may set "
            "itself are `defaults`",
        ),
        **dict.fromkeys(
            ("timeout", "request_timeout"), "the longest time of one call of it is `deadline`"
        ),
        "ttft": "the longest time to its first token is `first_token_within`",
        **dict.fromkeys(
            ("context_window", "context_length", "max_context", "max_input_tokens", "num_ctx"),
            "the size of the context is `context`",
        ),
        **dict.fromkeys(
            ("max_tokens", "max_output_tokens", "max_completion_tokens"),
            "the longest answer is `max_output`",
        ),
        **dict.fromkeys(
            ("capabilities", "abilities", "supports", "features", "needs"),
            "what a model can do is `can`",
        ),
        **dict.fromkeys(("cost", "pricing", "costs"), "what it costs is `price`"),
        **dict.fromkeys(("labels", "groups", "label"), "words to select it by are `tags`"),
        **dict.fromkeys(("rpm", "tpm", "limit", "rate_limit"), "write  limits: [50/min]"),
        **dict.fromkeys(
            ("name", "id", "alias"), "its name is its key; what LiteLLM calls it by is `model`"
        ),
        "provider": "the provider is the first part of `model`: openai/gpt-4o",
        "min_tier": "a model belongs to one tier: `tier`",
        "free": "write  price: free",
    },
    "rules": {
        "then": "what a rule does is written in its own fields: only, avoid, first, min_tier, "
        "needs, the criteria such as max_cost, prefer, deny or accept",
        "else": "a rule has no `else`; write another rule for the requests that do not meet `when`",
        **dict.fromkeys(("if", "condition", "match", "where"), "the condition is `when`"),
        "unless": "write the opposite under `when`, with  not",
        **dict.fromkeys(
            ("allow", "use", "route_to", "to", "models", "model", "target"),
            "no rule can add models: `only` excludes all others, `first` tries some first",
        ),
        **dict.fromkeys(
            ("exclude", "except", "block", "never", "forbid", "skip", "not"),
            "models that must not answer are `avoid`",
        ),
        **dict.fromkeys(
            ("order", "priority", "sort_by"),
            "`first` lists the models to try first, and `prefer` what the others are sorted by",
        ),
        **dict.fromkeys(
            ("last", "fallback"), "there is no `last`: list the other models in `first`"
        ),
        **dict.fromkeys(("reject", "refuse", "denied"), "to refuse a request is `deny`"),
        **dict.fromkeys(
            ("max_tier", "maxTier", "tier_max"),
            "there is no upper bound of tiers: `avoid` the stronger tiers by their names",
        ),
        **dict.fromkeys(("tier", "at_least"), "the weakest tier that may answer is `min_tier`"),
        **dict.fromkeys(
            ("can", "requires", "capabilities", "abilities"), "what a model must have is `needs`"
        ),
        **dict.fromkeys(
            ("dry_run", "monitor", "observe", "log_only", "preview"),
            "a rule that is recorded and not applied has  shadow: true",
        ),
    },
    "tasks": {
        **dict.fromkeys(
            ("max_tier", "maxTier"),
            "there is no upper bound of tiers: `avoid` the stronger ones in a rule about the task",
        ),
        "tier": "the weakest tier that does it well is `min_tier`",
        **dict.fromkeys(
            ("regex", "regexp", "patterns", "match"), "what identifies it is `pattern`, in RE2"
        ),
        **dict.fromkeys(
            ("words", "triggers", "phrases", "keyword"), "words that identify it are `keywords`"
        ),
        **dict.fromkeys(
            ("models", "allow", "route_to", "order"),
            "the only models to try, in their order, are `use`; `only` excludes all others",
        ),
        **dict.fromkeys(
            ("can", "requires", "capabilities", "abilities"),
            "what a model must have is `needs`; what the request must need is `when_needs`",
        ),
        "timeout": "the time for the whole request is `deadline`",
        "when": "a task has keywords, a pattern or when_needs; a rule has a condition",
    },
    "budgets": {
        **dict.fromkeys(
            ("limit", "amount", "max", "budget", "max_budget", "max_spend"),
            "how much is `cap`: $50/month",
        ),
        **dict.fromkeys(
            ("period", "window", "interval", "duration", "budget_duration"),
            "the period is part of `cap`: $50/month",
        ),
        **dict.fromkeys(
            ("on_exceed", "on_exceeded", "action", "else"),
            "what happens when it is spent is `then`",
        ),
        **dict.fromkeys(
            ("alert_at", "alerts", "warn", "thresholds", "soft_limit"),
            "when to warn is `warn_at`: [80%]",
        ),
    },
    "limits": {
        **dict.fromkeys(
            ("rpm", "rate", "requests_per_minute", "limit"), "write  requests: [60/min]"
        ),
        **dict.fromkeys(("tpm", "tokens_per_minute"), "write  tokens: [200k/min]"),
        **dict.fromkeys(
            ("max_concurrent", "concurrency", "parallel", "max_parallel_requests"),
            "requests at a time are `concurrent`",
        ),
    },
    "fallback": {
        **dict.fromkeys(
            ("retries", "max_retries", "num_retries"),
            "`max_attempts` counts every call, the first one included",
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
        **dict.fromkeys(("providers", "model_list", "deployments"), "models belong under `models`"),
        **dict.fromkeys(("fallbacks", "retry"), "what follows a failure is `fallback`"),
        **dict.fromkeys(("tz", "time_zone"), "the time zone is `timezone`"),
        **dict.fromkeys(("budget", "spend"), "caps on money belong under `budgets`"),
        **dict.fromkeys(
            ("default", "default_model"), "the order is `prefer`, or `first` in a rule"
        ),
        **dict.fromkeys(("facts", "fields"), "facts of your own are `attributes`"),
    },
}
"""Section -> a field that other tools have there -> what to write instead: the field of the same
meaning, or how to express it where there is none. "" is the top level."""

REASONS: Final[Mapping[str, str]] = {
    "deny": "denied", "needs": "ability", "min_tier": "tier", "max_cost": "cost",
    "max_latency": "latency", "min_quality": "quality", "max_price": "price",
    "limit": "rate_limit", "limits": "rate_limit", "cooldown": "cooling",
}  # fmt: skip
"""A key of the policy -> the reason for which it excludes a model, as tests name it."""

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
