"""a stream that is delayed because its answer is checked

Only a complete answer can be checked. So no part of the stream is sent before the check, whatever
`fallback.on_stream_break` says, and an answer that fails can still be replaced. `buffer` does the
same for every request. A rule whose condition leaves streams out, such as `when: not stream`,
delays none.

Bad:
    tasks: { form: { accept: { json: true } } }

Good:
    tasks: { form: { accept: { json: true } } }
    fallback: { on_stream_break: buffer }
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.check.subject import note
from policy_router.domain.condition import STREAM, All, Not, Op, Test
from policy_router.domain.fallback import OnBreak

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic
    from policy_router.domain.condition import Tree


def check(subject: Subject) -> Iterator[Diagnostic]:
    policy = subject.policy
    sections = [t.accept for t in policy.tasks] + [
        rule.accept
        for rule in policy.rules
        if not rule.shadow and not (rule.when is not None and _leaves_streams_out(rule.when.tree))
    ]
    checked = [accept for accept in sections if accept is not None]
    if checked and policy.fallback.on_stream_break is not OnBreak.BUFFER:
        yield note(
            "checks-need-whole-answers",
            "a stream is sent only when its answer is complete, since it is checked by "
            + ", ".join(accept.by for accept in checked),
            checked[0].span,
            "`fallback.on_stream_break` applies to all other streams",
        )


def _leaves_streams_out(tree: Tree) -> bool:
    """Whether a condition plainly says that it holds for no stream."""
    if isinstance(tree, All):
        return any(map(_leaves_streams_out, tree.parts))
    return tree in _NO_STREAM


_NO_STREAM: Final = (Not(Test(STREAM, Op.IN, (True,))), Test(STREAM, Op.IN, (False,)))
