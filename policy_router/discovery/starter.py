"""The text of a starter policy: a policy without findings for the models that were discovered."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from policy_router.check.rules.deprecated_model import AHEAD
from policy_router.discovery.guesses import guessed_tier, short_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from policy_router.catalog.table import Catalog
    from policy_router.discovery.local import Discovered
    from policy_router.discovery.served import ServedModel

TIERS: Final = ("light", "standard", "heavy")
MOST: Final = 8
"""Models listed per server, so that a starter policy stays readable."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A model of the starter policy.

    Attributes:
        name: Its name in the policy.
        calls: Its name for LiteLLM.
        tier: Its tier.
        fields: Further fields, as YAML flow values.
        local: Whether it runs on this machine.
        free: Whether it costs nothing.
    """

    name: str
    calls: str
    tier: str
    fields: tuple[tuple[str, str], ...]
    local: bool = False
    free: bool = False


# Per kind of server: its provider prefix in LiteLLM, the end of its address, the context it gives a
# model by default, and where that number comes from.
_SERVERS: Final = {
    "ollama": ("ollama_chat", "", "4k", "Ollama's own default; num_ctx raises it"),
    "lmstudio": ("lm_studio", "/v1", "4k", "LM Studio's own default; see the model's settings"),
    "vllm": ("hosted_vllm", "/v1", "4k", "a guess; see --max-model-len"),
}


@cache
def hosted_models() -> Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]]:
    """Return which hosted models a starter policy may list.

    Returns:
        For each environment variable that holds a key: tiers, each with the names of models to
        choose from, best first.
    """
    text = files("policy_router.discovery").joinpath("hosted_models.toml").read_text("utf-8")
    return {
        key: tuple((tier, tuple(names)) for tier, names in tiers.items())
        for key, tiers in tomllib.loads(text).items()
    }


_FREE_ON_OPENROUTER: Final = _Entry(
    "coder-free",
    "openrouter/qwen/qwen3-coder:free",
    "standard",
    (("api_key_env", "OPENROUTER_API_KEY"), ("price", "free"), ("context", "256k")),
    free=True,
)
_NOTHING: Final = _Entry(
    "llama",
    "ollama_chat/llama3.2",
    "light",
    (
        ("api_base", '"http://localhost:11434"'),
        ("price", "free"),
        ("context", "4k"),
        ("tags", "[local]"),
    ),
    local=True,
    free=True,
)
_EXAMPLES: Final = """\
  # More models: uncomment them, and add the new tiers to `tiers`.
  # mini:
  #   model: openai/gpt-5.4-mini
  #   api_key_env: OPENAI_API_KEY
  #   tier: standard
  # haiku:
  #   model: anthropic/claude-haiku-4-5
  #   api_key_env: ANTHROPIC_API_KEY
  #   tier: standard
  # Paid models want a cap:
  #   budgets: { monthly: { cap: $5/month, then: free_only } }
"""


def compose(discovered: Discovered, table: Catalog, today: date) -> str:
    """Return the text of a policy file for what was discovered.

    Args:
        discovered: The servers and keys that were discovered.
        table: LiteLLM's table of models: prices, contexts and last days.
        today: The date, to leave out models that are about to be withdrawn.
    """
    hosted = [(key, list(_hosted(key, table, today))) for key in discovered.keys]
    entries = _named([*_local(discovered), *(entry for _, some in hosted for entry in some)])
    useless = [key for key, some in hosted if not some]
    nothing = not entries
    if nothing:
        entries = [_NOTHING]
    tiers = [tier for tier in TIERS if any(entry.tier == tier for entry in entries)]
    parts = [
        _HEAD.format(discovered=_about(discovered, useless, nothing=nothing)),
        f"tiers: [{', '.join(tiers)}]  # weakest first: ability, never money\n",
        "models:\n"
        + "".join(map(_model, entries))
        + (_EXAMPLES if nothing else _left_out(discovered)),
    ]
    if len(tiers) > 1:
        usual = "standard" if "standard" in tiers else tiers[-1]
        parts.append(
            "tasks:  # the caller may name one\n"
            "  code:\n    keywords: [refactor, traceback, unit test]\n"
            f"    min_tier: {usual}\n"
            "  chat: {}  # everything else\n"
        )
        if tiers[0] != usual:
            parts.append(
                "complexity:  # only trivial work is small\n  bands:\n"
                f"    trivial: {{ from: 0.0, min_tier: {tiers[0]} }}\n"
                f"    everyday: {{ from: 0.15, min_tier: {usual} }}\n"
            )
    free = any(entry.free for entry in entries)
    parts.append(f"prefer: [{'free, ' if free else ''}smallest, cheapest]\n")
    rules = ""
    if 0 < sum(entry.local for entry in entries) < len(entries):
        rules += (
            "  - name: private data stays on this machine\n"
            "    when: { tags: private }\n"
            "    only: [local]\n"
        )
    if len(tiers) > 1:
        rules += (
            "  - name: an empty or broken-off answer is asked again, one tier up\n"
            "    when: not stream  # a checked stream begins only when the answer is complete\n"
            "    accept: { not_empty: true, stop_reason: [stop, tool_calls] }\n"
        )
    if rules:
        parts.append(f"rules:\n{rules}")
    if not all(entry.free for entry in entries):
        then = "free_only" if free else "block"
        parts.append(f"budgets:\n  monthly: {{ cap: $5/month, then: {then} }}\n")
    return "\n".join(parts)


_HEAD: Final = """\
# Which model may answer, in what order, at what cost.
# {discovered}
version: 1
name: starter
"""


def _about(discovered: Discovered, useless: Sequence[str], *, nothing: bool) -> str:
    lines = [
        f"{key} is set, but LiteLLM's table has no model for it that is still served: add one."
        for key in useless
    ]
    there = [server.kind for server in discovered.servers]
    there += [key for key in discovered.keys if key not in useless]
    if there:
        lines.insert(0, f"Found: {', '.join(there)}.")
    if nothing:
        lines += [
            "No model was found here. This one works as soon as Ollama runs and has it:",
            "  ollama pull llama3.2",
        ]
    return "\n# ".join(lines)


def _local(discovered: Discovered) -> Iterator[_Entry]:
    """Yield the models of the servers on this machine."""
    for server in discovered.servers:
        provider, end, context, origin = _SERVERS[server.kind]
        for model in _on_this_machine(server.models)[:MOST]:
            size = str(model.context) if model.context else f"{context}  # {origin}"
            yield _Entry(
                short_name(model.name),
                f"{provider}/{model.name}",
                guessed_tier(model.name),
                (
                    ("api_base", json.dumps(server.base + end)),
                    ("price", "free"),
                    ("context", size),
                    ("tags", "[local]"),
                ),
                local=True,
                free=True,
            )


def _on_this_machine(models: Sequence[ServedModel]) -> list[ServedModel]:
    return [model for model in models if not model.elsewhere]


def _left_out(discovered: Discovered) -> str:
    lines = [
        f"  # not listed: {model.name} of {server.kind} is answered elsewhere, at its own price\n"
        for server in discovered.servers
        for model in server.models
        if model.elsewhere
    ]
    for server in discovered.servers:
        more = len(_on_this_machine(server.models)) - MOST
        if more > 0:
            lines.append(f"  # not listed: {more} more of {server.kind}\n")
    return "".join(lines)


def _hosted(key: str, table: Catalog, today: date) -> Iterator[_Entry]:
    """Yield the models that a key gives access to.

    Per tier the best one that will be served for long, else the one that will be served longest.
    """
    if key == "OPENROUTER_API_KEY":
        yield _FREE_ON_OPENROUTER
    for tier, names in hosted_models()[key]:
        days = {}
        for calls in names:
            entry = table.find(calls)
            if entry and entry.price and entry.context:
                last = entry.last_day
                days[calls] = AHEAD + 1 if last is None else (last - today).days
        served = {calls: left for calls, left in days.items() if left >= 0}
        if served:
            lasting = [calls for calls, left in served.items() if left > AHEAD]
            calls = lasting[0] if lasting else max(served, key=lambda name: served[name])
            yield _Entry(short_name(calls), calls, tier, (("api_key_env", key),))


_TAKEN: Final = frozenset({*TIERS, "free", "paid", "local", "private"})


def _named(entries: Sequence[_Entry]) -> list[_Entry]:
    """Return the entries under unique names that are no tiers and no tags."""
    taken = {name.casefold() for name in _TAKEN}
    named = []
    for entry in entries:
        name, number = entry.name, 2
        while name.casefold() in taken:
            name, number = f"{entry.name}-{number}", number + 1
        taken.add(name.casefold())
        named.append(replace(entry, name=name))
    return named


def _model(entry: _Entry) -> str:
    lines = [
        f"  {json.dumps(entry.name)}:",
        f"    model: {json.dumps(entry.calls)}",
        *(f"    {key}: {value}" for key, value in entry.fields),
        f"    tier: {entry.tier}",
    ]
    return "".join(f"{line}\n" for line in lines)
