"""a placeholder that is not replaced

`${NAME}`, `$NAME`, `{{ name }}` and `<name>` are not replaced in a policy: the text is used
literally. The environment is read only for the variables that `api_key_env` and `api_base_env`
name.

Bad:
    models:
      x:
        model: hosted_vllm/q
        api_base: "http://${VLLM_HOST}:8000/v1"
        tier: light
        price: free
        context: 8k

Good:
    models:
      x:
        model: hosted_vllm/q
        api_base_env: VLLM_URL
        tier: light
        price: free
        context: 8k
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from policy_router.check.strings import strings
from policy_router.check.subject import warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic

ADDRESS: Final = re.compile(
    r"[${}<>]|%[A-Za-z_]\w*%|@@\w+@@|__[A-Z]\w*__|os\.environ|^env[:.]"
    r"|(?i:\byour[-_](?!\w+\.openai)\w+|\bchange[-_]?me\b|\bplaceholder\b)"
)
"""What no address and no name of a model contains."""
_TEXT: Final = re.compile(
    r"\$\{\{?[^{}$]{1,100}\}?\}|\$\([A-Z_][A-Z0-9_]*\)|(?<![\w$])\$[A-Z][A-Z0-9]*_[A-Z0-9_]+"
    r"|\{\{-?\s*[\w.]+(?:\s*\|[^{}]*)?\s*-?\}\}|\{%\s*\w[^{}]*%\}|<%=?[^<>%]+%>|#\{\w[\w.]*\}"
    r"|(?<!\w)%[A-Z][A-Z0-9_]*%|@@[A-Za-z]\w*@@"
    r"|os\.environ/\w+|^(?:!env\s+|env:)\w+"
)
_WHOLE: Final = {
    "name": re.compile(r"^\$[A-Za-z_]\w*$|^<[\w -]+>$"),
    "condition": re.compile(r"(?<=['\"])\$[A-Za-z_]\w*(?=['\"])"),
    "address": re.compile(r"\{[^{}]*\}|<[^<>]*>|\$\w+"),
}


def check(subject: Subject) -> Iterator[Diagnostic]:
    for path, value, kind in strings(subject.draft.document):
        if kind == "pattern":
            continue
        whole = _WHOLE.get(kind)
        found = _TEXT.search(value) or (whole.search(value) if whole else None)
        shown = found or (ADDRESS.search(value) if kind == "address" else None)
        if shown:
            yield warning(
                "placeholder",
                f"`{shown[0]}` is not replaced: the text is used literally",
                subject.draft.places.inside(path, shown.start(), shown.end()),
                "write the value" + _help(path),
            )


def _help(path: tuple[str | int, ...]) -> str:
    if path[-1] == "api_base":
        return ", or name a variable that holds the whole address in `api_base_env`"
    return ""
