"""a stream that is delayed because its answer is checked

Only a complete answer can be checked. So no part of the stream is sent before the check, whatever
`fallback.on_stream_break` says, and an answer that fails can still be replaced. `buffer` does the
same for every request.

Bad:
    tasks: { form: { accept: { json: true } } }

Good:
    tasks: { form: { accept: { json: true } } }
    fallback: { on_stream_break: buffer }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import note
from policy_router.domain.fallback import OnBreak

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    policy = subject.policy
    sections = [t.accept for t in policy.tasks] + [r.accept for r in policy.rules if not r.shadow]
    checked = [accept for accept in sections if accept is not None]
    if checked and policy.fallback.on_stream_break is not OnBreak.BUFFER:
        yield note(
            "checks-need-whole-answers",
            "a stream is sent only when its answer is complete, since it is checked by "
            + ", ".join(accept.by for accept in checked),
            checked[0].span,
            "`fallback.on_stream_break` applies to all other streams",
        )
