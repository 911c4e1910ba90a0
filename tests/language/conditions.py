"""A vocabulary, requests and expressions over it, for the tests of conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from policy_router.diagnostics import Diagnostic, Span
from policy_router.domain.complexity import Band
from policy_router.domain.condition import COMPLEXITY, SCORE, TASK, TOKENS, Condition
from policy_router.domain.facts import WEEKDAYS, Fact, FactType, Vocabulary
from policy_router.language.when import read_expression

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

BANDS = (Band("easy", 0.0), Band("fair", 0.25), Band("hard", 0.5))
VOCABULARY = Vocabulary(
    ("code", "chat"),
    tuple(band.name for band in BANDS),
    (
        Fact("plan", FactType.ENUM, ("free", "plus", "pro")),
        Fact("city", FactType.STRING),
        Fact("age", FactType.NUMBER),
        Fact("staff", FactType.BOOL),
    ),
)
NAMES = tuple(fact.name for fact in VOCABULARY.facts)


_LEAST: dict[FactType, object] = {
    FactType.SET: frozenset(),
    FactType.BOOL: False,
    FactType.NUMBER: 0,
}


def vector(**said: object) -> list[object]:
    """A request's facts by name; the others as absent as they can be."""
    blank: dict[str, object] = {
        fact.name: None if fact.optional else _LEAST[fact.kind] for fact in VOCABULARY.facts
    }
    assert set(said) <= set(blank)
    return list((blank | said).values())


def locate(start: int, end: int) -> Span:
    """Places in a text of one line."""
    return Span("t", 1, start + 1, 1, end + 1)


def read(text: str) -> Condition:
    """The condition of a good expression."""
    condition, found = read_expression(text, VOCABULARY, locate)
    assert condition is not None, found
    return condition


def refuse(text: str) -> Diagnostic:
    """The one thing wrong with a bad expression."""
    condition, found = read_expression(text, VOCABULARY, locate)
    assert condition is None
    assert len(found) == 1
    return found[0]


TEXTS = ("", "a", "ab", "abc", "b", "Köln", "köln-süd", "it's")
TAG_WORDS = ("x", "y", "z")
_FLAGS = ("staff", "stream", "has_tools", "wants_json", "subagent", "housekeeping")
_ENUMS = {
    "task": ("code", "chat"),
    "complexity": tuple(b.name for b in BANDS),
    "plan": ("free", "plus", "pro"),
    "weekday": WEEKDAYS[:3],
}
_NUMBERS: dict[str, tuple[float, ...]] = {
    "tokens": (0, 1, 5, 6, 1000),
    "hour": (0, 6, 22, 23),
    "score": (0.0, 0.25, 0.3, 0.5, 1.0),
    "age": (-1, 0, 0.5, 6, 6.5),
    "max_tokens": (1, 2),
    "turn": (1, 2, 20),
    "tool_errors": (0, 1, 3),
}


def _quoted(text: str) -> str:
    return repr(text)


def _listed(parts: list[str], brackets: str) -> str:
    comma = "," if brackets == "()" and len(parts) == 1 else ""
    return brackets[0] + ", ".join(parts) + comma + brackets[1]


@st.composite
def _tests(draw: st.DrawFn) -> str:
    """One test on one fact."""
    of = st.sampled_from
    brackets = draw(of(("[]", "()", "{}")))
    membership = draw(of((" in ", " not in ")))
    equality = draw(of((" == ", " != ")))
    match draw(of(("flag", "enum", "band", "number", "chain", "text", "set"))):
        case "flag":
            name = draw(of(_FLAGS))
            return draw(of((name, f"{name} == False", f"{name} != True", f"{name} in [True]")))
        case "enum":
            name = draw(of(tuple(_ENUMS)))
            some = draw(st.lists(of(_ENUMS[name]), min_size=1, max_size=3).map(lambda v: [*v]))
            if draw(st.booleans()):
                return name + membership + _listed([repr(v) for v in some], brackets)
            sides = [name, repr(some[0])]
            return equality.join(draw(st.permutations(sides)))
        case "band":
            sides = ["complexity", repr(draw(of(_ENUMS["complexity"][1:2])))]
            sign = draw(of((" < ", " <= ", " > ", " >= ")))
            ends = of(("'easy' <= complexity < 'hard'", "'hard' >= complexity > 'easy'"))
            return draw(ends | st.just(sign.join(draw(st.permutations(sides)))))
        case "number":
            name = draw(of(tuple(_NUMBERS)))
            some_numbers = draw(st.lists(of(_NUMBERS[name]), min_size=1, max_size=3))
            if draw(st.booleans()):
                return name + membership + _listed([repr(v) for v in some_numbers], brackets)
            sign = draw(of((" < ", " <= ", " > ", " >= ", equality)))
            return sign.join(draw(st.permutations([name, repr(some_numbers[0])])))
        case "chain":
            name = draw(of(tuple(_NUMBERS)))
            low, high = draw(of(_NUMBERS[name])), draw(of(_NUMBERS[name]))
            first, second = draw(of(("<", "<=", ">"))), draw(of(("<", "<=", "!=")))
            return f"{low!r} {first} {name} {second} {high!r}"
        case "text":
            name = draw(of(("city", "user", "language", "session", "client", "model")))
            text = draw(of(TEXTS))
            return draw(
                of(
                    (
                        f"{name}{equality}{_quoted(text)}",
                        f"{name}.startswith({_quoted(text or 'a')})",
                        f"{name}{membership}{_listed([_quoted(text), _quoted('b')], brackets)}",
                        f"matches({name}, '^[ab]+$')",
                    )
                )
            )
        case _:
            tags = draw(st.lists(of(TAG_WORDS), min_size=1, max_size=3))
            words = ", ".join(map(repr, tags))
            name = draw(of(("tags", "detected")))
            one = f"{tags[0]!r}{membership}{name}"
            return draw(of((one, f"any_of({name}, {words})", f"all_of({name}, {words})")))


def _joined(inner: SearchStrategy[str]) -> SearchStrategy[str]:
    return st.one_of(
        inner.map(lambda t: f"not ({t})"),
        st.tuples(st.sampled_from((" and ", " or ")), st.lists(inner, min_size=2, max_size=3)).map(
            lambda pair: pair[0].join(f"({part})" for part in pair[1])
        ),
        st.lists(inner, min_size=3, max_size=3).map(
            lambda parts: f"{parts[0]} and not {parts[1]} or {parts[2]}"
        ),
    )


EXPRESSIONS: SearchStrategy[str] = st.recursive(_tests(), _joined, max_leaves=8)


@st.composite
def vectors(draw: st.DrawFn) -> list[Any]:
    """A request's facts, drawn from values near the constants of the expressions."""
    facts: list[Any] = []
    for fact in VOCABULARY.facts:
        near: SearchStrategy[Any]
        match fact.kind:
            case FactType.SET:
                near = st.frozensets(st.sampled_from((*TAG_WORDS, "other")))
            case FactType.BOOL:
                near = st.booleans()
            case FactType.ENUM:
                near = st.sampled_from(fact.values)
            case FactType.STRING:
                near = st.sampled_from((*TEXTS, "abz", "z"))
            case FactType.NUMBER:
                known = _NUMBERS[fact.name]
                beside = known if fact.integer else (*known, 0.1, 0.26, 0.9)
                low = -5 if fact.low is None else fact.low
                high = 9999 if fact.high is None else fact.high
                near = st.sampled_from([v for v in (*beside, 2, 7) if low <= v <= high])
        facts.append(draw(st.none() | near if fact.optional else near))
    # A band is a stretch of the score.
    score = facts[SCORE]
    held = [b.name for b in BANDS if score is not None and b.start <= score]
    facts[COMPLEXITY] = held[-1] if held else None
    assert facts[TOKENS] is not None
    assert facts[TASK] in (None, "code", "chat")
    return facts
