"""an address where a cloud keeps the credentials of its machines

Whoever can make this machine send a request to 169.254.169.254 or `metadata.google.internal` may
get the credentials of its account. No model is served there. Other spellings of the same address,
such as `http://2852039166` or `http://[::ffff:169.254.169.254]`, lead there too.

Bad:
    models:
      x:
        model: hosted_vllm/q
        api_base: http://169.254.169.254/v1
        tier: light
        price: free
        context: 8k

Good:
    models:
      x:
        model: hosted_vllm/q
        api_base: http://10.0.0.5:8000/v1
        tier: light
        price: free
        context: 8k
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    for model, address, span in subject.addresses:
        if address.is_metadata:
            where = str(address.ip or address.host)
            yield error(
                "metadata-address",
                f"the address of `{model.name}` leads to `{where}`, where a cloud keeps the "
                "credentials of its machines",
                span,
                "write the address of the server that runs the model",
            )
