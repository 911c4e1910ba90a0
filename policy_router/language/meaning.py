"""What words mean: which known word a mistyped one cannot have been, and which one it stands for.

Two words may be close by their letters and say the opposite (`max_tier`, `min_tier`) or name
another thing of the same kind (`gpt-4`, `gpt-5`). To put one for the other would change what a
policy does, so such a word is never suggested.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_PAIRS: Final = (
    "min max", "minimum maximum", "least most", "less more", "lower upper", "low high",
    "below above", "under over", "smallest largest", "weakest strongest", "cheapest dearest",
    "fastest slowest", "first last", "before after", "only avoid", "accept except",
    "accept reject", "allow deny", "allowed denied", "include exclude", "free paid",
    "input output", "in out", "start stop", "begin end", "on off", "true false", "yes no",
    "always never", "any all", "some none", "with without", "enable disable", "open closed",
    "public private", "internal external", "local remote", "trusted untrusted", "east west",
    "north south", "up down", "import export", "inbound outbound", "legal illegal", "next retry",
    "then when", "warn block", "expect except",
)  # fmt: skip
_OPPOSITE: Final = frozenset(
    pair for words in _PAIRS for pair in (tuple(words.split()), tuple(words.split()[::-1]))
)
_NEGATIONS: Final = frozenset({"not", "no", "non", "un", "without", "never", "dis", "anti"})
_PREFIXES: Final = ("un", "non", "dis", "in", "im", "ir", "il", "anti", "de")
_PARTS: Final = re.compile(r"[A-Za-z][a-z]*|[0-9]+|[^\x00-\x7f]+")
_DIGITS: Final = re.compile(r"[0-9]+")
_NEAR: Final = 0.55
"""How alike two parts of names are when one is a slip of the other."""


@lru_cache(maxsize=65_536)
def may_mean(word: str, known: str) -> bool:
    """Whether one word may be a slip of another, and does not say something else."""
    if word.casefold() == known.casefold():
        return True
    if _DIGITS.findall(word) != _DIGITS.findall(known):
        return False
    ours, theirs = _parts(word), _parts(known)
    if _NEGATIONS & (set(ours) ^ set(theirs)) or _opposed(ours, theirs):
        return False
    joined = "".join(ours), "".join(theirs)
    if any(
        joined in ((prefix + b, b), (a, prefix + a)) for prefix in _PREFIXES for a, b in [joined]
    ):
        return False
    if len(ours) == len(theirs):
        return all(_near(a, b) for a, b in zip(ours, theirs, strict=True))
    return True


def _parts(word: str) -> list[str]:
    """The words that a name is made of: `max_tier`, `maxTier`, `max-tier`."""
    return [part.casefold() for part in _PARTS.findall(word)]


def _opposed(ours: list[str], theirs: list[str]) -> bool:
    """Whether a part of one is the opposite of a part of the other, or a slip of that."""
    for a in ours:
        for b in theirs:
            if a not in theirs and b not in ours and (a, b) in _OPPOSITE:
                return True
    ours_joined, theirs_joined = "".join(ours), "".join(theirs)
    return any(
        ours_joined.startswith(a) and theirs_joined.startswith(b)
        for a, b in (("min", "max"), ("max", "min"))
    )


def _near(a: str, b: str) -> bool:
    return a == b or sorted(a) == sorted(b) or SequenceMatcher(None, a, b).ratio() >= _NEAR


# Section -> what people write there by habit of other tools -> what to do instead. A field of the
# same meaning is named; where there is none the text says how to say it.
SAID_ELSEWHERE: Final[Mapping[str, Mapping[str, str]]] = {
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
            ("api_base_env", "url_env", "base_url_env"),
            "an address is written out, as `api_base`; only keys are read from the environment",
        ),
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
        "then": "a rule says what to do in its own fields: only, avoid, first, min_tier, needs, "
        "deny or accept",
        "else": "a rule says nothing of requests that do not meet `when`; write another rule",
        **dict.fromkeys(("if", "condition", "match", "where"), "the condition is `when`"),
        "unless": "write the opposite under `when`, with  not",
        **dict.fromkeys(
            ("allow", "use", "route_to", "to", "models", "model", "target"),
            "no rule can add models: `only` takes all others away, `first` asks some first",
        ),
        **dict.fromkeys(
            ("exclude", "except", "block", "never", "forbid", "skip", "not"),
            "models that must not answer are `avoid`",
        ),
        **dict.fromkeys(
            ("prefer", "order", "priority"), "which models are asked first in a rule is `first`"
        ),
        **dict.fromkeys(("last", "fallback"), "there is no `last`: the other models go `first`"),
        **dict.fromkeys(("reject", "refuse", "denied"), "to refuse a request is `deny`"),
        **dict.fromkeys(
            ("max_tier", "maxTier", "tier_max"),
            "there is no upper bound of tiers: `avoid` the stronger tiers by their names",
        ),
        **dict.fromkeys(("tier", "at_least"), "the weakest tier that may answer is `min_tier`"),
        **dict.fromkeys(
            ("can", "requires", "capabilities", "abilities"), "what a model must have is `needs`"
        ),
    },
    "tasks": {
        **dict.fromkeys(
            ("max_tier", "maxTier"),
            "there is no upper bound of tiers: `avoid` the stronger tiers in a rule about the task",
        ),
        "tier": "the weakest tier that does it well is `min_tier`",
        **dict.fromkeys(
            ("regex", "regexp", "patterns", "match"), "what gives it away is `pattern`, in RE2"
        ),
        **dict.fromkeys(
            ("words", "triggers", "phrases", "keyword"), "words that give it away are `keywords`"
        ),
        **dict.fromkeys(
            ("only", "avoid", "use", "models"),
            "a rule with  when: { task: ... }  and `only` or `avoid` says which models may answer",
        ),
        "prefer": "models to ask first are `first`",
        "when": "a task has keywords, a pattern or needs; a rule has a condition",
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
            ("routes", "routing", "policies"), "which model answers what is said by `rules`"
        ),
        **dict.fromkeys(("providers", "model_list", "deployments"), "models stand under `models`"),
        **dict.fromkeys(("fallbacks", "retry"), "what follows a failure is `fallback`"),
        **dict.fromkeys(("tz", "time_zone"), "the time zone is `timezone`"),
        **dict.fromkeys(("budget", "spend"), "caps on money stand under `budgets`"),
        **dict.fromkeys(
            ("default", "default_model"), "the order is `prefer`, or `first` in a rule"
        ),
        **dict.fromkeys(("facts", "fields"), "facts of your own are `attributes`"),
    },
}

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
"""Short names of times, and one of the places that have it."""
