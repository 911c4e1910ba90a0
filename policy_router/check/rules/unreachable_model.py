"""a model that no request can ever get

The rules together exclude it from every request, so it is useless and still has to be reviewed.

Bad:
    rules:
      - { name: a, when: tokens >= 100, avoid: [big] }
      - { name: b, when: tokens < 100, avoid: [big] }

Good:
    rules:
      - { name: a, when: tokens >= 100, avoid: [big] }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import Subject, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    for model, sources in subject.unreachable:
        bit = 1 << subject.policy.position(model.name)
        by_tier = any(source.rule is None and source.below & bit for source in sources)
        # What only money excludes is reported by uncovered-model and missing-price.
        if not by_tier and any(source.rule is not None or source.of_task for source in sources):
            last = sources[-1]
            together = ", ".join(source.says for source in sources)
            yield warning(
                "unreachable-model",
                f"no request can ever get `{model.name}`: {together} "
                f"{'exclude' if len(sources) > 1 else 'excludes'} it from all of them",
                last.span or model.span,
                "narrow one of them, or remove the model",
                *((("the model", model.span),) if model.span else ()),
            )
