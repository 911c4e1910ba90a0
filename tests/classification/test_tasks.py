from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.classification.kinds import KINDS, WorkKind
from policy_router.classification.tasks import MatchedBy, TaskFound, Tasks
from policy_router.domain.rules import Task

NOTHING: frozenset[str] = frozenset()
OWN = (
    Task("code", keywords=("traceback", "unit test"), pattern="```|\\bdef \\w+\\("),
    Task("extract", keywords=("extract",), when_needs=frozenset({"json", "tools"})),
    Task("legal", pattern="§"),
    Task("named_only", min_tier=1),
    Task("chat", default=True),
)


def sure(name: str, probability: float = 0.9, **others: float) -> WorkKind:
    shares = ((name, probability), *others.items())
    return WorkKind(name, probability, shares, ("a cue",))


@pytest.mark.parametrize(
    ("text", "needs", "found"),
    [
        (
            "A Traceback and a unit test",
            NOTHING,
            ("code", MatchedBy.KEYWORDS, ("traceback", "unit test")),
        ),
        ("def f(x)", NOTHING, ("code", MatchedBy.PATTERN, ("```|\\bdef \\w+\\(",))),
        ("extract the traceback", NOTHING, ("code", MatchedBy.KEYWORDS, ("traceback",))),
        ("extract it", NOTHING, ("extract", MatchedBy.KEYWORDS, ("extract",))),
        (
            "hi",
            frozenset({"json", "tools", "audio"}),
            ("extract", MatchedBy.NEEDS, ("json", "tools")),
        ),
        ("see § 5", frozenset({"json"}), ("legal", MatchedBy.PATTERN, ("§",))),
        ("hi", frozenset({"json"}), ("chat", MatchedBy.DEFAULT, ())),
    ],
)
def test_the_first_task_with_a_condition_that_holds_is_taken(
    text: str, needs: frozenset[str], found: tuple[str, MatchedBy, tuple[str, ...]]
) -> None:
    name, by, evidence = found
    assert Tasks(OWN).find(text, needs, sure("math")) == TaskFound(name, 1.0, by, evidence)


BUILT_IN = (
    Task("code", min_tier=1),
    Task("math", confidence=0.8),
    Task("code_refactor"),
    Task("chat", default=True),
)


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        (sure("math", 0.8), TaskFound("math", 0.8, MatchedBy.BUILT_IN, ("a cue",))),
        (sure("math", 0.7), TaskFound("chat", 1 - 0.7, MatchedBy.DEFAULT)),
        (
            sure("code_refactor", 0.3, code_generation=0.2),
            TaskFound("code", 0.5, MatchedBy.BUILT_IN, ("a cue",)),
        ),
        (sure("code_refactor", 0.3), TaskFound("chat", 1 - 0.3, MatchedBy.DEFAULT)),
        (sure("translation", 0.9), TaskFound("chat", 1.0, MatchedBy.DEFAULT)),
        (sure("translation", 0.5, math=0.4), TaskFound("chat", 0.6, MatchedBy.DEFAULT)),
        (sure("chat", 0.9), TaskFound("chat", 1.0, MatchedBy.DEFAULT)),
        (WorkKind(), TaskFound("chat", 1.0, MatchedBy.DEFAULT)),
    ],
)
def test_a_task_named_like_a_built_in_kind_is_recognized_by_it(
    kind: WorkKind, found: TaskFound
) -> None:
    assert Tasks(BUILT_IN).find("", NOTHING, kind) == found


def test_own_conditions_replace_the_built_in_definition() -> None:
    tasks = Tasks((Task("math", keywords=("sum",)), Task("chat", default=True)))
    assert tasks.find("an integral", NOTHING, sure("math")).task == "chat"
    assert tasks.find("a sum", NOTHING, sure("chat")).task == "math"


def test_without_a_default_nothing_may_be_found() -> None:
    assert Tasks(()).find("", NOTHING, WorkKind()) == TaskFound(None, 1.0, MatchedBy.NOTHING)
    assert Tasks(OWN[:2]).find("", NOTHING, WorkKind()) == TaskFound(None, 1.0, MatchedBy.NOTHING)


@given(
    st.lists(st.sampled_from([*OWN[:4], *BUILT_IN[:3]]), unique_by=lambda task: task.name),
    st.text(),
    st.sampled_from(KINDS),
    st.floats(0, 1),
)
def test_what_is_found_is_a_task_of_the_policy(
    tasks: list[Task], text: str, name: str, probability: float
) -> None:
    found = Tasks(tasks).find(text, NOTHING, sure(name, probability))
    assert found.task in {None, *(task.name for task in tasks)}
    assert 0 <= found.confidence <= 1
    assert (found.task is None) == (found.by is MatchedBy.NOTHING)


@given(st.sampled_from(KINDS), st.floats(0, 1), st.floats(0, 1))
def test_more_evidence_never_loses_a_task(name: str, one: float, other: float) -> None:
    tasks = Tasks((Task(name), Task("rest", default=True)))
    less, more = sorted((one, other))
    if tasks.find("", NOTHING, sure(name, less)).task == name:
        assert tasks.find("", NOTHING, sure(name, more)).task == name
