"""`keep_loaded` on a model that no server loads when it is told to

Ollama, LM Studio and vLLM keep models in memory and let them go on request. Any other model is
always there, or its server decides by itself.

Bad:
    models:
      hosted: { model: openai/gpt-4o, tier: heavy, keep_loaded: 30m }

Good:
    models:
      here: { model: ollama_chat/qwen2.5:7b, tier: heavy, context: 32k, keep_loaded: 30m }
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.check.subject import Subject, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic

_LOADING: Final = ("ollama", "ollama_chat", "lm_studio", "hosted_vllm")
"""How names of models begin whose servers load them when told to."""
_CLOUD: Final = (":cloud", "-cloud")
"""How names of models end that Ollama forwards to its own machines."""


def check(subject: Subject) -> Iterator[Diagnostic]:
    for model in subject.policy.models:
        if model.keep_loaded is None:
            continue
        name = model.provider_model
        if name.partition("/")[0] in _LOADING and not name.endswith(_CLOUD):
            continue
        yield warning(
            "keep-loaded-elsewhere",
            f"`{name}` is not kept in the memory of a server of your own",
            subject.draft.places.key(("models", model.name, "keep_loaded")),
            f"remove it, or call the model through one of {', '.join(_LOADING[1:])}",
        )
