"""an address that does not lead where it seems to

An IP address can be written in many ways, and a host name may contain letters of another alphabet
that look the same. The reviewer of the file reads one address, and the request goes to another.

Bad:
    models:
      x:
        model: hosted_vllm/q
        api_base: http://0x0a000005:8000/v1
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

from policy_router.check.disguised_text import look_alike
from policy_router.check.subject import warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    for model, address, span in subject.addresses:
        if address.ip is not None and not address.plain:
            yield warning(
                "disguised-address",
                f"the address of `{model.name}` is an unusual spelling of `{address.ip}`",
                span,
                f"write {address.ip}",
            )
        elif look_alike(_decoded(address.host)):
            yield warning(
                "disguised-address",
                f"the address of `{model.name}` contains letters of another alphabet that look "
                "like Latin ones",
                span,
                "type the name of the host again",
            )


def _decoded(host: str) -> str:
    """Return the name of a host as it is displayed: `xn--` encodes letters that DNS lacks."""
    labels = []
    for label in host.split("."):
        try:
            labels.append(label[4:].encode().decode("punycode") if label[:4] == "xn--" else label)
        except (UnicodeError, ValueError):
            labels.append(label)
    return ".".join(labels)
