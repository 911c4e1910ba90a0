"""The field `accept`: the checks that an answer must pass."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from policy_router.answer_schema.problems import problem_of
from policy_router.domain.acceptance import Accept, Judge, OnRejected

if TYPE_CHECKING:
    from policy_router.language.compile.resolve import Resolver
    from policy_router.language.document.acceptance import AcceptShape, LlmCheck
    from policy_router.language.source import Path


def compile_accept(
    resolver: Resolver, shape: AcceptShape | None, path: Path, by: str
) -> Accept | None:
    """The checks at a path; what is wrong with them is reported.

    Args:
        resolver: Resolves the names in them.
        shape: The checks as written; None for none.
        path: Their path in the document.
        by: The task or rule that they belong to, such as ``task `code` ``.

    Returns:
        The checks, or None when nothing is checked.
    """
    if shape is None:
        return None
    if shape.pattern is not None:
        resolver.pattern(shape.pattern, (*path, "pattern"))
    if shape.json_schema is not None:
        _schema(resolver, shape.json_schema, (*path, "json_schema"))
    if shape.python is not None:
        resolver.own_function(shape.python, (*path, "python"))
    accept = Accept(
        by=by,
        not_empty=bool(shape.not_empty),
        json=bool(shape.json_),
        json_schema=None if shape.json_schema is None else json.dumps(shape.json_schema),
        pattern=shape.pattern,
        min_chars=shape.min_chars,
        max_chars=shape.max_chars,
        stop_reason=tuple(shape.stop_reason or ()),
        python=shape.python,
        llm=_judge(resolver, shape.llm, (*path, "llm", "model")),
        otherwise=shape.otherwise or OnRejected.BEST,
        span=resolver.places.key(path),
    )
    return accept if accept.checks else None


def _schema(resolver: Resolver, schema: dict[str, object], path: Path) -> None:
    problem = problem_of(schema)
    if problem is not None:
        resolver.draft.error(
            "bad-schema",
            f"answers cannot be checked with this schema: {problem.message}",
            resolver.places.value((*path, *problem.path)),
            problem.help,
        )


def _judge(resolver: Resolver, shape: LlmCheck | None, path: Path) -> Judge | None:
    if shape is None:
        return None
    resolver.one_model(shape.model, path)
    number = resolver.numbers.get(shape.model)
    return None if number is None else Judge(resolver.models[number], shape.rubric)
