"""a key written into a policy file

Policy files are reviewed, copied and kept for ever. Write the name of an environment variable.

Bad:
    description: our key is sk-proj-abcdefghijklmnopqrstuvwxyz012345

Good:
    models:
      x: { model: openai/gpt-4o, tier: heavy, api_key_env: OPENAI_API_KEY }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router import secrets
from policy_router.diagnostics import Diagnostic, Severity, Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def check_text(sources: Mapping[str, str]) -> Iterator[Diagnostic]:
    """Looks at the bare text, so that a file which does not compile is searched as well."""
    for name, text in sources.items():
        for number, line in enumerate(text.split("\n"), start=1):
            for start, end in secrets.find(line):
                yield Diagnostic(
                    "secret-in-policy",
                    Severity.ERROR,
                    "a secret is written into the policy",
                    Span(name, number, start + 1, number, end + 1),
                    "write  api_key_env: NAME_OF_A_VARIABLE  and change the key, it is known now",
                )
