"""an environment variable that, by its name, holds something else

`api_base_env` names a variable with an address, `api_key_env` one with a key. Where they are mixed
up, the address is no address, or what should be secret is sent to be looked up as a host.

Bad:
    models:
      own:
        model: hosted_vllm/qwen3
        tier: light
        price: free
        context: 32k
        api_base_env: VLLM_API_KEY

Good:
    models:
      own:
        model: hosted_vllm/qwen3
        tier: light
        price: free
        context: 32k
        api_base_env: VLLM_URL
        api_key_env: VLLM_API_KEY
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from policy_router.check.subject import error
from policy_router.redaction.names import is_secret_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic

_ADDRESS: Final = re.compile(r"(?:^|_)(?:URL|URI|HOST|ENDPOINT|ADDRESS|API_BASE|BASE)$")


def check(subject: Subject) -> Iterator[Diagnostic]:
    for model in subject.policy.models:
        places = subject.draft.places
        name = model.api_base_env or ""
        if is_secret_name(name) or name in model.api_key_envs:
            yield error(
                "wrong-variable",
                f"`{name}` holds a key, and `{model.name}` takes its address from it",
                places.value(("models", model.name, "api_base_env")),
                "name the variable that holds the address",
            )
        for key in model.api_key_envs:
            if _ADDRESS.search(key):
                yield error(
                    "wrong-variable",
                    f"`{key}` holds an address, and `{model.name}` takes its key from it",
                    places.value(("models", model.name, "api_key_env")),
                    "name the variable that holds the key",
                )
