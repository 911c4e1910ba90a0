"""a key in a policy file

Policy files are reviewed, copied and kept forever. Write the name of an environment variable
instead. A value is classified as a key by what it looks like, or because it is the value of a field
such as `api_key`, `password` or `token`.

Bad:
    description: our key is sk-proj-abcdefghijklmnopqrstuvwxyz012345

Good:
    models:
      x: { model: openai/gpt-4o, tier: heavy, api_key_env: OPENAI_API_KEY }
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING

from policy_router.check.subject import error
from policy_router.diagnostics import Diagnostic, Span
from policy_router.redaction.fields import fields, is_literal
from policy_router.redaction.mask import find

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def check_text(sources: Mapping[str, str]) -> Iterator[Diagnostic]:
    """Search the text of the files, so that one which does not compile is searched as well."""
    for name, text in sources.items():
        spans = find(text)
        spans += [
            (written.start, written.end)
            for written in fields(text)
            if written.single
            and not written.comment
            and is_literal(text[written.start : written.end])
            and not any(start < written.end and written.start < end for start, end in spans)
        ]
        lines = [0, *(m.end() for m in re.finditer("\n", text))]
        for start, end in sorted(spans):
            while start < end and text[start].isspace():
                start += 1  # noqa: PLW2901  a block scalar begins on the line below its field
            line = bisect_right(lines, start)
            stop = min(end, text.find("\n", start) % (len(text) + 1))
            column = start - lines[line - 1] + 1
            yield error(
                "secret-in-policy",
                "the policy contains a secret",
                Span(name, line, column, line, column + max(1, stop - start)),
                "write  api_key_env: NAME_OF_A_VARIABLE , and replace the key, since it is no "
                "longer secret",
            )
