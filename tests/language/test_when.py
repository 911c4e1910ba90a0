from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_router.decision.bitset import bits
from policy_router.decision.space import Space, TooWide
from policy_router.diagnostics import Span
from policy_router.domain.condition import Condition, spell
from policy_router.domain.facts import FactType
from policy_router.language.interpreter import Evaluation, holds, trace
from policy_router.language.when import read_expression, read_mapping
from policy_router.language.yaml_reader import parse
from policy_router.patterns import search
from tests.language.conditions import (
    BANDS,
    EXPRESSIONS,
    VOCABULARY,
    locate,
    read,
    refuse,
    vector,
    vectors,
)

if TYPE_CHECKING:
    from policy_router.decision.space import Dimension

YES: list[tuple[str, dict[str, object]]] = [
    ("stream", {"stream": True}),
    ("not stream", {}),
    ("not staff", {}),
    ("staff == False", {"staff": False}),
    ("staff != True", {}),
    ("staff in [True, False]", {"staff": False}),
    ("task == 'code'", {"task": "code"}),
    ("'code' == task", {"task": "code"}),
    ("plan != 'pro'", {}),
    ("plan not in ['pro', 'plus']", {}),
    ("plan in ('pro', 'plus')", {"plan": "plus"}),
    ("plan in {'pro'}", {"plan": "pro"}),
    ("tokens > 24_000", {"tokens": 24_001}),
    ("24_000 < tokens", {"tokens": 24_001}),
    ("1 <= tokens < 5", {"tokens": 1}),
    ("5 > tokens >= 1", {"tokens": 1}),
    ("0 < tokens != 3", {"tokens": 2}),
    ("tokens == 1e3", {"tokens": 1000}),
    ("tokens == 1000.0", {"tokens": 1000}),
    ("tokens == 0x10", {"tokens": 16}),
    ("age > -2", {"age": -1}),
    ("age in [-1, 0.5]", {"age": 0.5}),
    ("score >= 0.5", {"score": 0.5}),
    ("complexity >= 'fair'", {"complexity": "fair"}),
    ("complexity >= 'fair'", {"complexity": "hard"}),
    ("'hard' > complexity", {"complexity": "fair"}),
    ("complexity > 'easy'", {"complexity": "hard"}),
    ("'easy' <= complexity < 'hard'", {"complexity": "easy"}),
    ("complexity in ['easy', 'hard'] and complexity <= 'fair'", {"complexity": "easy"}),
    ("not complexity < 'hard'", {}),
    ("'x' in tags", {"tags": frozenset("xy")}),
    ("'x' not in tags", {}),
    ("any_of(tags, 'x', 'z')", {"tags": frozenset("z")}),
    ("all_of(tags, 'x', 'z')", {"tags": frozenset("xyz")}),
    ("city.startswith('Kö')", {"city": "Köln"}),
    ("matches(city, 'l.$')", {"city": "Köln"}),
    ("matches(city, '\\\\d\\d')", {"city": "a42"}),
    ("matches(city, '2$')", {"city": "half a pair \ud800 2"}),
    ("city == 'two  spaces'", {"city": "two  spaces"}),
    ("city == 'no\u00a0break'", {"city": "no\u00a0break"}),
    ("city == 'a\tb'", {"city": "a\tb"}),
    ('city == "it\'s" ', {"city": "it's"}),
    ("city == 'a = b && c # !'", {"city": "a = b && c # !"}),
    ("city == 'a' 'b'", {"city": "ab"}),
    ("city == '\\u00e4'", {"city": "ä"}),
    ("city == '24k => 5'", {"city": "24k => 5"}),
    ("city in ['none', 'null', 'None']", {"city": "null"}),
    ("stream or task == 'code' and not stream", {"task": "code"}),
    ("(stream or task == 'code') and tokens == 0", {"task": "code"}),
    ("tokens > 3\n  and\tstream", {"tokens": 4, "stream": True}),
    ("not (not stream)", {"stream": True}),
]
NO: list[tuple[str, dict[str, object]]] = [
    ("stream", {}),
    ("staff", {}),
    ("staff == False", {}),
    ("plan == 'pro'", {}),
    ("plan in ['pro']", {}),
    ("plan != 'pro'", {"plan": "pro"}),
    ("age < 3", {}),
    ("age >= 3", {}),
    ("1 <= age < 5", {}),
    ("1 <= tokens < 5", {"tokens": 5}),
    ("complexity >= 'fair'", {}),
    ("complexity <= 'hard'", {}),
    ("complexity >= 'fair'", {"complexity": "easy"}),
    ("complexity > 'fair'", {"complexity": "fair"}),
    ("'easy' < complexity <= 'hard'", {"complexity": "easy"}),
    ("city.startswith('Kö')", {}),
    ("city.startswith('Kö')", {"city": "Ulm"}),
    ("matches(city, 'l')", {}),
    ("matches(city, '^l$')", {"city": "l\n"}),
    ("any_of(tags, 'x', 'z')", {}),
    ("all_of(tags, 'x', 'z')", {"tags": frozenset("x")}),
    ("city == 'two spaces'", {"city": "two  spaces"}),
    ("city == ''", {}),
]


@pytest.mark.parametrize(
    ("text", "said", "expected"), [(*row, True) for row in YES] + [(*row, False) for row in NO]
)
def test_what_an_expression_means(text: str, said: dict[str, object], *, expected: bool) -> None:
    condition = read(text)
    facts = vector(**said)
    assert condition.holds(facts) is expected
    assert holds(condition, VOCABULARY, facts) is expected


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("task == 'code' and (tokens > 3 or not stream)", {"task", "tokens", "stream"}),
        ("any_of(tags, 'x')", {"tags"}),
        ("city.startswith('a') or matches(user, 'b')", {"city", "user"}),
    ],
)
def test_an_expression_knows_the_facts_it_reads(text: str, reads: set[str]) -> None:
    assert read(text).reads == reads


# Each: the text with the place between « and », the rule, a part of the message, the help.
REFUSED = [
    ("plan «=» 'pro'", "assignment", "`=` assigns a value", "compare with =="),
    ("plan «===» 'pro'", "condition-syntax", "`===`", "write =="),
    ("stream «&&» staff", "condition-syntax", "`&&`", "write `and`"),
    ("stream «||» staff", "condition-syntax", "`||`", "write `or`"),
    ("«!»stream", "condition-syntax", "`!`", "write `not`"),
    ("tokens «=>» 5", "condition-syntax", "`=>`", "write >="),
    ("tokens «=<» 5", "condition-syntax", "`=<`", "write <="),
    ("tokens «<>» 5", "condition-syntax", "`<>`", "write !="),
    ("'é' in tags and tokens > «24k»", "condition-syntax", "`24k`", "write 24_000"),
    ("tokens > «1.5M» or stream", "condition-syntax", "`1.5M`", "write 1_500_000"),
    ("tokens > «'24k'»", "condition-type", "'24k' is not", "write 24000"),
    ("tokens > 5 and hour < 3 and no«t»", "condition-syntax", "is incomplete", ""),
    ("  tokens «>»", "condition-syntax", "is incomplete", ""),
    ("«(»tokens > 5", "condition-syntax", "this is not a condition", ""),
    ("user is «None»", "condition-type", "is absent", "`!=` and `not in` are true"),
    ("user is not «None»", "condition-type", "is absent", ""),
    ("user == «None»", "condition-type", "is absent", ""),
    ("«None» != user", "condition-type", "is absent", ""),
    ("user == «null»", "condition-type", "is absent", ""),
    ("«none» == user", "condition-type", "is absent", ""),
    ("user in ['a', «None»]", "condition-type", "is absent", ""),
    ("any_of(tags, «null»)", "condition-type", "is absent", ""),
    ("tokens > 3 «#» many", "condition-syntax", "comment", "write it above `when`"),
    ("«plam» == 'pro'", "unknown-fact", "`plam` is not a fact", "did you mean `plan`?"),
    ("stream and «tokns» > 3", "unknown-fact", "`tokns`", "did you mean `tokens`?"),
    ("stream == «true»", "unknown-fact", "`true`", "write True"),
    ("«any_of» == 'x'", "unknown-fact", "`any_of`", "`any_of` is a function"),
    ("plan == «'prro'»", "unknown-value", "`prro` is not a value of `plan`", "did you mean `pro`?"),
    ("task in ['code', «'chatt'»]", "unknown-value", "is not a task", "did you mean `chat`?"),
    ("complexity == «'herd'»", "unknown-value", "complexity band", "did you mean `hard`?"),
    ("tokens > «'5000'»", "condition-type", "`tokens` is a number", "write 5000 without quotes"),
    ("tokens > «True»", "condition-type", "True is not", "a number such as 1000"),
    ("tokens > «1e999»", "condition-type", "too large", ""),
    ("city == «5»", "condition-type", "`city` is a string", "put a string in quotes: '5'"),
    ("city == «b'x'»", "condition-type", "`city` is a string", ""),
    ("stream == «1»", "condition-type", "`stream` is true or false", "write True, without quotes"),
    ("plan == «pro»", "unknown-fact", "`pro`", "put a string in quotes: 'pro'"),
    ("«plan > 'free'»", "condition-type", "which has no order", "compare it with == or in"),
    ("«weekday >= 'fri'»", "condition-type", "which has no order", "compare it with == or in"),
    ("complexity >= «0.6»", "condition-type", "is not", "`score` is the complexity as a number"),
    ("complexity >= «'herd'»", "unknown-value", "complexity band", "did you mean `hard`?"),
    ("«complexity < 'easy'»", "constant-condition", "no band is below `easy`", "the lowest band"),
    ("«complexity > 'hard'»", "constant-condition", "no band is above `hard`", "the highest band"),
    ("«'easy' > complexity»", "constant-condition", "no band is below `easy`", "the lowest band"),
    ("«tokens»", "condition-type", "not true or false", "compare it: tokens > 100"),
    ("not «tags»", "condition-type", "not true or false", "'a-tag' in tags"),
    ("«tags == 'x'»", "condition-type", "is a set", "write 'x' in tags"),
    ("«tags in ['x', 'y']»", "condition-type", "is a set", "write any_of(tags, 'x', 'y')"),
    ("«'x' in plan»", "condition-type", "not a set", "write plan == 'x'"),
    ("«task in 'codegen'»", "substring", "a part of that string", "task in ['codegen']"),
    ("task in «[]»", "condition-syntax", "is not a list of constants", ""),
    ("task in «tokens + 1»", "condition-syntax", "is not a list of constants", ""),
    ("«'pro'»", "constant-condition", "always true", "leave `when` out"),
    ("«0»", "constant-condition", "always false", ""),
    ("stream or «True»", "constant-condition", "always true", ""),
    ("«1 == 1»", "constant-condition", "two constants", "one side must be a fact"),
    ("city.startswith(«''»)", "constant-condition", "every string", "write what to look for"),
    ("«tokens == max_tokens»", "condition-syntax", "are both facts", "must be a constant"),
    ("«tokens + 1» > 3", "condition-syntax", "neither a fact nor a constant", ""),
    ("tokens > «3 + 1»", "condition-syntax", "is neither a fact nor a constant", ""),
    ("«tokens is 3»", "condition-syntax", "`is`", "write =="),
    ("«city.endswith('x')»", "condition-syntax", "`.endswith()`", "write matches(city, 'x$')"),
    ("«user.__class__»", "condition-syntax", "is not part of a condition", ""),
    ("«tags[0]»", "condition-syntax", "is not part of a condition", ""),
    ("«lambda: 0»", "condition-syntax", "is not part of a condition", ""),
    ("city == «f'{user}'»", "condition-syntax", "is neither a fact nor a constant", ""),
    ("«[t for t in tags]»", "condition-syntax", "is not part of a condition", ""),
    ("«'%s' % 1» == city", "condition-syntax", "is neither a fact nor a constant", ""),
    ("«__import__('os')»", "unknown-function", "`__import__`", "the known ones are `any_of`"),
    ("«anyof(tags, 'x')»", "unknown-function", "`anyof`", "did you mean `any_of`?"),
    ("«any_of(tags)»", "condition-syntax", "takes a set and strings", "any_of(tags, 'a', 'b')"),
    ("any_of(tags, «['a', 'b']»)", "condition-syntax", "takes no list", "any_of(tags, 'a', 'b')"),
    ("all_of(tags, «('a',)»)", "condition-syntax", "takes no list", "write all_of(tags, 'a')"),
    ("«any_of(plan, 'pro')»", "condition-type", "takes a set", "write plan in [...]"),
    ("any_of(tags, «3»)", "condition-type", "`tags` is a set", ""),
    ("«any_of(tags, **staff)»", "condition-syntax", "named arguments", ""),
    ("«any_of(*tags)»", "condition-syntax", "takes a set and strings", ""),
    ("«matches(city)»", "condition-syntax", "a fact and a pattern", "matches(user, '^bot-')"),
    ("matches(city, «'(a'»)", "bad-pattern", "invalid pattern", "patterns are RE2"),
    ("matches(city, «'(?=a)'»)", "bad-pattern", "invalid pattern", "patterns are RE2"),
    ("«matches(plan, 'p')»", "condition-type", "an enumeration, not a string", "plan in [...]"),
    ("«tokens.startswith('1')»", "condition-type", "not a string", "takes a fact that is a string"),
    (
        "«city.startswith(user)»",
        "condition-syntax",
        "takes one string in quotes",
        "`user` is not one",
    ),
    ("(tokens :«=» 5)", "assignment", "", ""),
    ("city == «'''»x'''", "condition-syntax", "three quotes", ""),
    ("city == 'größe' and «plam» == 'pro'", "unknown-fact", "`plam`", "did you mean `plan`?"),
    ("city == '模型😀' and plan == «'prro'»", "unknown-value", "`prro`", "did you mean `pro`?"),
    ("«tokens is not 3»", "condition-syntax", "`is not`", "write !="),
    ("«tags != 'x'»", "condition-type", "is a set", "write 'x' not in tags"),
    ("«'x' not in city»", "condition-type", "not a set", "write not matches(city, 'x')"),
    ("«'a.b' in city»", "condition-type", "not a set", r"matches(city, 'a\.b')"),
    ("«'pro' not in plan»", "condition-type", "not a set", "write plan != 'pro'"),
    ("«city not in 'abc'»", "substring", "a part", "write city != 'abc' or city not in ['abc']"),
    ("«tags not in ['a', 'b']»", "condition-type", "is a set", "write not any_of(tags, 'a', 'b')"),
    ("«all_of(plan, 'a', 'b')»", "condition-type", "takes a set", "cannot equal several"),
    ("«contains(tags, 'x')»", "unknown-function", "`contains`", "write 'x' in tags"),
    ("«contains(city, 'x')»", "unknown-function", "`contains`", "write matches(city, 'x')"),
    ("«contains(what, 'x')»", "unknown-function", "`contains`", "for a set write 'x' in what"),
    ("«tags.includes(stream)»", "condition-syntax", "`.includes()`", "write stream in tags"),
    ("«city.endswith(user)»", "condition-syntax", "`.endswith()`", "matches(city, user)"),
    ("«city.lower()»", "condition-syntax", "`.lower()`", "ignores case"),
    ("«regex(city, 'x')»", "unknown-function", "`regex`", "write matches(city, 'x')"),
    ("«startswith(city, 'x')»", "unknown-function", "", "write city.startswith('x')"),
    ("«len(tags)»", "unknown-function", "`len`", "the known ones are `any_of`"),
    ("«5» in [1]", "condition-syntax", "`5` is not a fact", ""),
    ("«x.y.z()»", "condition-syntax", "`.z()`", "the known ones are `startswith`"),
    ("«now()»", "unknown-function", "`now`", "the known ones are `any_of`"),
    ("city «!==» 'x'", "condition-syntax", "`!==`", "write !="),
    ("city «=~» 'x'", "condition-syntax", "`~`", "matches(user, '^bot-')"),
    ("stream «AND» staff", "condition-syntax", "`AND`", "write `and`"),
    ("stream «OR» staff", "condition-syntax", "`OR`", "write `or`"),
    ("«NOT» stream", "condition-syntax", "`NOT`", "write `not`"),
    ("tags «contains» 'x'", "condition-syntax", "`contains`", "write 'x' in tags"),
    ("city «like» 'x%'", "condition-syntax", "searches for a pattern", "matches(user, '^bot-')"),
    ("tokens «between» 1 and 5", "condition-syntax", "`between`", "100 <= tokens <= 500"),
    ("  stream  and  «plam» == 'pro'", "unknown-fact", "`plam`", ""),
    ("  stream «&&» staff", "condition-syntax", "`&&`", ""),
    ("city == «+5»", "condition-syntax", "is neither a fact nor a constant", ""),
    ("age > «-True»", "condition-syntax", "is neither a fact nor a constant", ""),
    ("plan in ['pro', «plan»]", "condition-syntax", "is not a constant", ""),
    ("1 in «2»", "condition-syntax", "is not a list of constants", ""),
    ("matches(«'x'», 'y')", "condition-syntax", "is not a fact", ""),
    ("«matches(city, 'x', 'y')»", "condition-syntax", "a fact and a pattern", ""),
    ("«city.startswith('a', 'b')»", "condition-syntax", "one string in quotes", ""),
]


@pytest.mark.parametrize(("marked", "rule", "message", "help_"), REFUSED)
def test_what_an_expression_may_not_say(marked: str, rule: str, message: str, help_: str) -> None:
    start, end = marked.index("«"), marked.index("»") - 1
    found = refuse(marked.replace("«", "").replace("»", ""))
    assert found.rule == rule
    assert message in found.message
    assert help_ in found.help
    assert found.span is not None
    assert (found.span.col - 1, found.span.end_col - 1) == (start, end)


BOMBS = {
    "nots": "not " * 1020 + "stream",
    "parentheses": "(" * 300 + "stream" + ")" * 300,
    "atoms": " or ".join(["stream"] * 500),
    "atoms in a call": "any_of(tags, " + ", ".join(["'x'"] * 500) + ")",
    "depth": "not (stream or " * 60 + "stream" + ")" * 60,
    "length": "stream or " * 500 + "stream",
    "powers": "tokens > 9**9**9**9",
    "digits": "tokens > " + "9" * 4000,
    "null": "stream\0",
    "bell": "city == '\a'",
    "carriage return": "city == 'a\rb'",
    "import": "__import__('os').system('true')",
    "attributes": "''.__class__.__mro__[1].__subclasses__()",
    "lambda": "(lambda: stream)()",
    "f-string": "f'{stream}'",
    "walrus": "(stream := True)",
    "comprehension": "any(t == 'x' for t in tags)",
    "statements": "stream;stream",
    "two lines": "stream\nstream",
    "assignment": "x = stream",
    "await": "await stream",
    "yield": "(yield)",
    "conditional": "stream if staff else True",
    "star": "*tags",
    "unclosed": "(stream",
    "quote": "city == 'x",
    "backslash": "stream \\",
    "empty": "",
    "blank": " \n ",
    "decorator": "@stream",
    "surrogate": "city == '\ud800'",
    "none": "city == None",
    "ellipsis": "...",
    "complex": "tokens > 3j",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
def test_a_hostile_expression_is_refused_with_a_place(text: str) -> None:
    found = refuse(text)
    assert found.span is not None
    assert 0 <= found.span.col - 1 <= len(text)
    assert found.span.end_col - 1 <= max(len(text), 1)


@given(st.text(max_size=60) | st.text("tokens plangi()'\"=<>!&|.,[]{}0123456789#\\\n", max_size=60))
def test_reading_is_total(text: str) -> None:
    condition, found = read_expression(text, VOCABULARY, locate)
    assert (condition is None) == bool(found)
    assert all(d.span is not None and d.span.end_col - 1 <= max(len(text), 1) for d in found)


def when_of(file: str) -> tuple[str, Any]:
    source, found = parse("p.yaml", file.encode())
    assert source is not None, found
    return source.data["when"], lambda start, end: source.inside(("when",), start, end)


@pytest.mark.parametrize(
    ("file", "at"),
    [
        ("when: tokens > 3 and plam == 'pro'", Span("p.yaml", 1, 22, 1, 26)),
        ("when:   \"tokens > 3 and plam == 'pro'\"", Span("p.yaml", 1, 25, 1, 29)),
        ("when: \"city == '\\u00e4\\\\'' and plam\"", Span("p.yaml", 1, 32, 1, 36)),
        ("when: 'city == ''ä'' and plam'", Span("p.yaml", 1, 26, 1, 30)),
        ("when: >-\n  tokens > 3\n  and plam == 'pro'\n", Span("p.yaml", 3, 7, 3, 11)),
        ("when: |\n\n  tokens > 3\n\n  and plam == 'pro'\n", Span("p.yaml", 5, 7, 5, 11)),
        ("when: tokens > 3\n  and plam == 'pro'", Span("p.yaml", 2, 7, 2, 11)),
        ('when: "tokens > 3 \\\n  and plam"', Span("p.yaml", 2, 7, 2, 11)),
        ("{when: 'größe😀' == city and plam}", None),
        ("{when: \"'größe😀' == city and plam\"}", Span("p.yaml", 1, 30, 1, 34)),
    ],
)
def test_a_caret_stands_inside_the_scalar(file: str, at: Span | None) -> None:
    if at is None:
        assert parse("p.yaml", file.encode())[0] is None
        return
    text, place = when_of(file)
    condition, found = read_expression(text, VOCABULARY, place)
    assert condition is None
    assert found[0].span == at


def cell_of(dimension: Dimension, facts: list[Any]) -> int:
    """The cell of a dimension that a request falls into."""
    value = facts[dimension.fact]
    if dimension.detail is not None:
        if dimension.kind is FactType.SET:
            return int(dimension.detail in value)
        return int(value is not None and search(dimension.detail)(value) is not None)
    if value is None:
        return dimension.size - 1
    known = dimension.constants
    if dimension.kind is FactType.NUMBER:
        numbers = [float(c) for c in known]
        return 2 * bisect_left(numbers, value) + (value in numbers)
    if value in known:
        return known.index(value)
    for i, prefix in enumerate(dimension.prefixes):
        if value.startswith(prefix):
            return len(known) + i
    return dimension.size - 2


def in_boxes(condition: Condition, facts: list[Any]) -> bool | None:
    """Whether a request is in a condition's boxes; None when they are too many."""
    space = Space(VOCABULARY, BANDS, [condition.tree])
    cells = [cell_of(d, facts) for d in space.dimensions]
    for cell, dimension in zip(cells, space.dimensions, strict=True):
        assert cell in bits(dimension.live)
    try:
        boxes = space.boxes(condition.tree)
    except TooWide:
        return None
    return any(all(box[d] >> cells[d] & 1 for d in box) for box in boxes)


@settings(max_examples=400)
@given(EXPRESSIONS, st.lists(vectors(), min_size=1, max_size=4))
def test_code_boxes_and_simpleeval_agree(text: str, requests: list[list[Any]]) -> None:
    condition = read(text)
    spelled = read(spell(condition.tree, VOCABULARY))
    for facts in requests:
        verdict = condition.holds(facts)
        assert holds(condition, VOCABULARY, facts) is verdict
        assert spelled.holds(facts) is verdict
        assert in_boxes(condition, facts) in (verdict, None)


@settings(max_examples=100)
@given(EXPRESSIONS, vectors())
def test_a_trace_ends_in_the_verdict(text: str, facts: list[Any]) -> None:
    condition = read(text)
    steps = trace(condition, VOCABULARY, facts)
    assert bool(steps[-1].value) is condition.holds(facts)
    assert len({step.text for step in steps}) == len(steps)
    assert all(step.text in condition.text for step in steps)


def test_a_trace_shows_every_part_in_reading_order() -> None:
    facts = vector(task="code", tokens=5, tags=frozenset("x"))
    text = "task == 'code' and (1 < tokens <= 5 or  not staff) and 'ä' not in tags and tokens != 7"
    assert trace(read(text), VOCABULARY, facts) == (
        Evaluation("task", "code"),
        Evaluation("task == 'code'", value=True),
        Evaluation("tokens", 5),
        Evaluation("1 < tokens <= 5", value=True),
        Evaluation("staff", None),
        Evaluation("not staff", value=True),
        Evaluation("1 < tokens <= 5 or not staff", value=True),
        Evaluation("tags", frozenset("x")),
        Evaluation("'ä' not in tags", value=True),
        Evaluation("tokens != 7", value=True),
        Evaluation(" ".join(text.split()), value=True),
    )


# -- the mapping form ----------------------------------------------------------------------------


def read_map(mapping: dict[str, object]) -> tuple[Condition | None, list[tuple[str, int]]]:
    """Keys stand at column 10, values at column 20, entries of lists from column 30 on."""
    condition, found = read_mapping(
        mapping,
        VOCABULARY,
        lambda _: locate(9, 10),
        lambda _, i: locate(19, 20) if i is None else locate(29 + i, 30 + i),
        locate(0, 1),
    )
    return condition, [(d.rule, d.span.col) for d in found if d.span]


@pytest.mark.parametrize(
    ("mapping", "text"),
    [
        ({"task": "code"}, "task == 'code'"),
        ({"plan": ["pro", "plus", "pro"]}, "plan in ['pro', 'plus']"),
        ({"tags": "x"}, "'x' in tags"),
        ({"tags": ["x", "y"]}, "'x' in tags or 'y' in tags"),
        ({"staff": True, "stream": False}, "staff and stream == False"),
        ({"staff": [True, False]}, "staff in [True, False]"),
        ({"tokens": [1, 2.5]}, "tokens in [1, 2.5]"),
        ({"city": "it's"}, 'city == "it\'s"'),
        ({"tags": ["x", "y"], "task": "code"}, "('x' in tags or 'y' in tags) and task == 'code'"),
    ],
)
def test_a_mapping_reads_as_an_expression(mapping: dict[str, object], text: str) -> None:
    condition, found = read_map(mapping)
    assert not found
    assert condition is not None
    assert condition.text == text
    assert condition.tree == read(text).tree


@pytest.mark.parametrize(
    ("mapping", "found"),
    [
        ({"taks": "code"}, [("unknown-fact", 10)]),
        ({"task": "coed"}, [("unknown-value", 20)]),
        ({"plan": ["pro", "por", 3]}, [("unknown-value", 31), ("condition-type", 32)]),
        ({"tokens": "5000", "stream": "yes"}, [("condition-type", 20), ("condition-type", 20)]),
        ({"tokens": True}, [("condition-type", 20)]),
        ({"staff": 1}, [("condition-type", 20)]),
        ({"tags": 3}, [("condition-type", 20)]),
    ],
)
def test_everything_wrong_with_a_mapping_is_found(
    mapping: dict[str, object], found: list[tuple[str, int]]
) -> None:
    assert read_map(mapping) == (None, found)
