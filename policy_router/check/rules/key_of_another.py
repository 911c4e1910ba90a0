"""a key that is sent to someone other than its issuer

The name of the variable says whose key it is, and the address belongs to someone else: whoever runs
that server can use the key. A key that opens a whole account, such as AWS_SECRET_ACCESS_KEY, is an
error. For a gateway that is meant to have the key of a provider, use a variable with another name,
or accept the finding.

Bad:
    models:
      x:
        model: openai/q
        api_base: https://llm.example.com/v1
        api_key_env: OPENAI_API_KEY
        tier: light
        price: free
        context: 8k

Good:
    models:
      x:
        model: openai/q
        api_base: https://llm.example.com/v1
        api_key_env: EXAMPLE_KEY
        tier: light
        price: free
        context: 8k
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.key_issuers import owner_of, owners_of
from policy_router.diagnostics import Diagnostic, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject


def check(subject: Subject) -> Iterator[Diagnostic]:
    addresses = {model.name: address for model, address, _ in subject.addresses}
    keys = [(model, key) for model in subject.policy.models for key in model.api_key_envs]
    for model, key in keys:
        owner = owner_of(key)
        if owner is None:
            continue
        address = addresses.get(model.name)
        severity = Severity.ERROR if owner.account else Severity.WARNING
        if address is not None:
            if address.belongs_to(owner.domains):
                continue
            if address.is_near:
                # A server of the user may check any key, but needs none that opens a whole account.
                if not owner.account:
                    continue
                severity = Severity.WARNING
            where = f"`{address.host}`"
        elif model.api_base_env is not None:
            continue  # where that leads is known when it is called
        else:
            provider = subject.draft.catalog.provider(model.provider_model) or "openai"
            if provider in owner.providers or not owners_of(provider):
                continue
            where = f"`{provider}`"
        yield Diagnostic(
            "key-of-another",
            severity,
            f"`{key}` is a key of {owner.name}, but `{model.name}` sends it to {where}",
            subject.draft.places.value(("models", model.name, "api_key_env")),
            "name the variable that has the key for that server",
        )
