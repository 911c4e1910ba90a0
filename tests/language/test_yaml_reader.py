from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_router.diagnostics import Diagnostic, Span
from policy_router.language.align import align
from policy_router.language.source import SourceFile, as_text
from policy_router.language.yaml_errors import MAX_DEPTH, syntax_error
from policy_router.language.yaml_reader import MAX_BYTES, MAX_NODES, parse


def good(text: str | bytes) -> SourceFile:
    source, found = parse("p.yaml", text.encode() if isinstance(text, str) else text)
    assert not found
    assert source is not None
    return source


def bad(text: str | bytes) -> list[tuple[str, int, int]]:
    """Rule, line and column of everything that is wrong."""
    raw = text.encode() if isinstance(text, str) else text
    found = parse("p.yaml", raw)[1]
    assert found
    return [(d.rule, d.span.line, d.span.col) for d in found if d.span]


SCALARS: list[tuple[str, Any]] = [
    *((word, word) for word in ("no", "No", "on", "off", "yes", "y", "n", "NO", "tRue", "nulL")),
    *((word, word) for word in ("1:30", "22:00", "190:20:30", "012", "010", "1_000", "0o14")),
    *((word, word) for word in ("0x1F", "0b1", "2026-12-31", "2026-12-31T00:00:00Z", "1.2.3")),
    *((word, word) for word in ("+", "+-1", "1e", "e1", "1e+", ".", "..1", "1__0", "=", "<")),
    *((word, word) for word in ("inf", "nan", "1e400", "٣", "1 2", "$1/M", "20/min", "80%")),
    ("true", True), ("True", True), ("TRUE", True), ("false", False), ("False", False),
    ("null", None), ("Null", None), ("NULL", None), ("~", None), ("", None),
    ("0", 0), ("-0", 0), ("+1", 1), ("-12", -12), ("999999999999999999", 999999999999999999),
    ("1.0", 1.0), ("-1.5", -1.5), (".5", 0.5), ("1.", 1.0), ("1e3", 1000.0), ("1E-3", 0.001),
    ("1.5e+2", 150.0), ("0.0", 0.0), ("0e0", 0.0),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_plain_scalars_are_yaml_1_2(text: str, value: object) -> None:
    found = good(f"a: {text}\n").data["a"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("text", [t for t, _ in SCALARS])
def test_quoted_scalars_are_text(text: str) -> None:
    assert good(f"a: '{text}'\nb: \"{text}\"").data == {"a": text, "b": text}


@pytest.mark.parametrize("text", ["no", "on", "1:30", "012", "true", "1", "1.0", "~", "2026-12-31"])
def test_keys_are_text(text: str) -> None:
    assert good(f"{text}: 1").data == {text: 1}


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("", None),
        ("# only words\n", None),
        ("---\n", None),
        ("--- \na: 1\n...\n", {"a": 1}),
        ("%YAML 1.2\n---\na: 1", {"a": 1}),
        ("\ufeffa: 1", {"a": 1}),
        ("a: 1\r\nb: 2\rc: 3", {"a": 1, "b": 2, "c": 3}),
        ("a: |\r\n  x\r\n  y\r\n", {"a": "x\ny\n"}),
        ("a: 'x\u00a0y'", {"a": "x\u00a0y"}),
        ("a: 😀", {"a": "😀"}),
        ('a: "\\U0001F600\\x41\\u00e4\\n\\0"', {"a": "😀Aä\n\0"}),
        ("a: [1, [2, {b: 3}]]", {"a": [1, [2, {"b": 3}]]}),
        ("? a\n: 1", {"a": 1}),
        ("- \n- 1", [None, 1]),
        ("a:\n- 1\n- 2", {"a": [1, 2]}),
        ("'': 1", {"": 1}),
        ("'<<': 1", {"<<": 1}),
        ("just text", "just text"),
    ],
)
def test_what_a_file_holds(text: str, data: object) -> None:
    assert good(text).data == data


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: 1\nb: 2\na: 3", [("duplicate-name", 3, 1)]),
        ("a: {b: 1, 'b': 2, c: {}}", [("duplicate-name", 1, 11)]),
        ("a: {b: {d: 1, d: 2}}", [("duplicate-name", 1, 15)]),
        ("a: 1\na: {b: 1, b: 2}", [("duplicate-name", 2, 1), ("duplicate-name", 2, 11)]),
        ("a: &x 1\nb: *x", [("yaml-alias", 1, 4), ("yaml-alias", 2, 4)]),
        ("a: &x [*x]", [("yaml-alias", 1, 4), ("yaml-alias", 1, 8)]),
        ("&x a: 1", [("yaml-alias", 1, 1)]),
        ("*x : 1", [("yaml-alias", 1, 1), ("bad-key", 1, 1)]),
        ("a: !!python/object:os.system x", [("yaml-tag", 1, 4)]),
        ("a: !!str 1\nb: !mine {c: 1}", [("yaml-tag", 1, 4), ("yaml-tag", 2, 4)]),
        ("a: !!timestamp x", [("yaml-tag", 1, 4)]),
        ("a: ! x", [("yaml-tag", 1, 4)]),
        ("a: !x!y z", [("yaml-syntax", 1, 4)]),
        ("<<: {a: 1}", [("yaml-merge", 1, 1)]),
        ("a: 1\n---\nb: 2", [("several-documents", 2, 1)]),
        ("[a, b]: 1", [("bad-key", 1, 1)]),
        ("{a: 1}: 1\nb: 2", [("bad-key", 1, 1)]),
        ("? - a\n: 1", [("bad-key", 1, 3)]),
        ("?\n: 1", [("bad-key", 1, 2)]),
        ("a: .inf\nb: -.INF", [("bad-value", 1, 4), ("bad-value", 2, 4)]),
        ("a: [.nan]", [("bad-value", 1, 5)]),
        ("a: " + "9" * 19, [("number-too-large", 1, 4)]),
        ("a: " + "9" * 5000, [("number-too-large", 1, 4)]),
        ("a: 0." + "3" * 40, [("number-too-large", 1, 4)]),
        ("a: x\0y", [("bad-character", 1, 5)]),
        ("a: 1\n# \x07", [("bad-character", 2, 3)]),
        ("a: 1\nb: x\u2028y", [("bad-character", 2, 5)]),
        ("a: x\u0085", [("bad-character", 1, 5)]),
        ("a: \ufeffx", [("bad-character", 1, 4)]),
        ("ä: 1\r\nb: \x01", [("bad-character", 2, 4)]),
        (b"a: 1\nb: \xff", [("not-utf8", 2, 4)]),
        (b"\xef\xbb\xbf\xff", [("not-utf8", 1, 1)]),
        (b"a: 1\rb: \xff", [("not-utf8", 2, 4)]),
        (b"\xff\xfea\0", [("not-utf8", 1, 1)]),
        (b"\xed\xa0\x80", [("not-utf8", 1, 1)]),
        ("a:\n\t- 1", [("yaml-syntax", 2, 1)]),
        ("a: 'x\nb: 1", [("yaml-syntax", 1, 4)]),
        ('a: "x\nb: 1', [("yaml-syntax", 1, 4)]),
        ("a: [1, 2\nb: 1", [("yaml-syntax", 2, 2)]),
        ("a: {b: 1\nc: 1", [("yaml-syntax", 2, 2)]),
        ("a: b: c", [("yaml-syntax", 1, 5)]),
        ("a: 1\n b: 2", [("yaml-syntax", 2, 3)]),
        ("a: `x`", [("yaml-syntax", 1, 4)]),
        ("a: @x", [("yaml-syntax", 1, 4)]),
        ("rules:\n  - when: >= 3", [("yaml-syntax", 2, 12)]),
        ("when: not x: y", [("yaml-syntax", 1, 12)]),
        ('a: "\\q"', [("yaml-syntax", 1, 5)]),
        ("a\nb: 1", [("yaml-syntax", 2, 2)]),
        ("a: &", [("yaml-syntax", 1, 4)]),
    ],
)  # fmt: skip
def test_what_is_refused_and_where(text: str | bytes, found: list[tuple[str, int, int]]) -> None:
    assert bad(text) == found


@pytest.mark.parametrize(
    ("text", "message", "help_"),
    [
        (
            "rules:\n  - when: >= 3",
            "has to continue on the next line",
            "put the condition in quotes",
        ),
        ("when: tokens > 3: x", "a `:` where there cannot be a key", "put the condition in quotes"),
        ("deny: no: never", "a `:` where there cannot be a key", "put the string in quotes"),
        ("a:\n\t- 1", "a tab in the indentation", "indent with spaces"),
        ("a: 'x", "a quote is not closed", "close the quote"),
        ("when: 'x", "a quote is not closed", "close the quote"),
        ("a: [1", "a `[` is not closed", ""),
        ("a: {b: 1", "a `{` is not closed", ""),
        ("a: 1\nb", "a key without a `:`", "write  key: value"),
        ('a: "\\q"', "unknown escape", "use single quotes"),
        ("a: !x!y z", "tags are not allowed", "write `not`"),
        ("a: - 1", "a `-` where a list cannot begin", ""),
    ],
)
def test_syntax_errors_say_what_to_do(text: str, message: str, help_: str) -> None:
    found = parse("p.yaml", text.encode())[1][-1]
    assert message in found.message
    assert help_ in found.help


def test_both_places_of_a_duplicate_are_shown() -> None:
    (found,) = parse("p.yaml", b"a: {again: 1}\nb: 2\na: {again: {x: 2}}")[1]
    assert [(words, span.line) for words, span in found.related] == [("first written here", 1)]


def test_the_first_of_two_values_is_kept_and_placed() -> None:
    source, _ = parse("p.yaml", b"a: {again: 1}\nb: 2\na: 3")
    assert source is not None
    assert source.data == {"a": {"again": 1}, "b": 2}
    assert source.value_span(("a", "again")) == Span("p.yaml", 1, 12, 1, 13)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_depth_is_bounded(opening: str) -> None:
    closing = {"[": "]", "{a: ": "}", "- ": ""}[opening]
    good(opening * MAX_DEPTH + "x" + closing * MAX_DEPTH)
    assert [d[0] for d in bad(opening * (MAX_DEPTH + 1) + "x")] == ["too-deep"]


def test_the_number_of_values_is_bounded() -> None:
    assert len(good("[" + "x," * (MAX_NODES - 1) + "]").data) == MAX_NODES - 1
    assert [d[0] for d in bad("[" + "x," * MAX_NODES + "]")] == ["too-many-nodes"]


def test_the_size_is_bounded() -> None:
    good(b"#" * MAX_BYTES)
    assert bad(b"a: 1\n" * (2 << 20)) == [("file-too-large", 1, 1)]


def test_fifty_thousand_keys() -> None:
    text = "".join(f"k{i}: {i}\n" for i in range(49_000))
    source = good(text)
    assert source.value_span(("k48999",)).line == 49_000
    found = bad(text + text[: 1000 * 8])
    assert {rule for rule, *_ in found} == {"duplicate-name"}


def test_an_alias_bomb_is_refused_before_it_unfolds() -> None:
    rows = ["a0: &a0 x"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    assert {rule for rule, *_ in bad("\n".join(rows))} == {"yaml-alias"}


def test_a_bracket_bomb_does_not_end_the_process() -> None:
    code = (
        "from policy_router.language.yaml_reader import parse\n"
        "for bomb in (b'[', b'{a: ', b'? ', b'- ', b'[{'):\n"
        "    source, found = parse('p.yaml', bomb * 100_000)\n"
        "    print(source, found[-1].rule)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "None too-deep\n" * 5)


def test_the_depth_that_libyaml_itself_allows_is_no_riddle() -> None:
    """Newer releases count levels while they look ahead, before an event is given out."""
    source = good("a: [[1]]")
    problem = "exceeded maximum nesting depth of 1000 in yaml_parser_parse"
    found = syntax_error(source, problem, 4, None)
    assert (found.rule, found.span) == ("too-deep", Span("p.yaml", 1, 5, 1, 6))


def placed(found: tuple[Diagnostic, ...], raw: bytes) -> bool:
    """Whether every diagnostic points into the text."""
    rows = as_text(raw).split("\n")
    spans = [d.span for d in found] + [span for d in found for _, span in d.related]
    return all(
        span is not None
        and 1 <= span.line <= span.end_line <= len(rows)
        and (span.line, span.col) <= (span.end_line, span.end_col)
        and 1 <= span.col <= len(rows[span.line - 1]) + 1
        and 1 <= span.end_col <= len(rows[span.end_line - 1]) + 2
        for span in spans
    )


MARKUP = st.text("ab:-?[]{},#&*!|>'\"%@`~ \t\n\r\\<=01.é\u2028\ufeff", max_size=60)


@settings(max_examples=300)
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda t: t.encode("utf-8", "ignore")))
def test_any_bytes_end_in_data_or_in_placed_diagnostics(raw: bytes) -> None:
    source, found = parse("p.yaml", raw)
    assert source is not None or found
    assert placed(found, raw)


@settings(max_examples=500)
@given(MARKUP)
def test_any_markup_ends_in_data_or_in_placed_diagnostics(text: str) -> None:
    source, found = parse("p.yaml", text.encode())
    assert source is not None or found
    assert placed(found, text.encode())


def _writable(text: str) -> bool:
    return all(c == "\n" or (c.isprintable() and c != "\ufeff") for c in text)


TEXTS = (
    st.text(max_size=30).filter(_writable)
    | st.text("abc '\"\\:#-[]{}\n&*!|>%@,?", max_size=20)
    | st.sampled_from([text for text, _ in SCALARS])
)
NUMBERS = st.integers(-(10**17), 10**17) | st.integers(-(10**6), 10**6).map(lambda i: i / 1000)
DATA = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


class PlainDumper(yaml.SafeDumper):
    """Writes no anchors, and in quotes whatever could be read as more than text."""

    def ignore_aliases(self, _: object) -> bool:
        return True


def _quote_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain = text.isalpha() and text.casefold() not in ("true", "false", "null")
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else "'")


PlainDumper.add_representer(str, _quote_text)


@settings(max_examples=300)
@given(
    DATA,
    st.sampled_from((True, False, None)),
    st.sampled_from((20, 80)),
    st.booleans(),
    st.sampled_from((2, 4)),
)
def test_plain_data_come_back(
    data: object, flow: bool | None, width: int, unicode: bool, indent: int
) -> None:
    text = yaml.dump(
        data,
        Dumper=PlainDumper,
        default_flow_style=flow,
        width=width,
        allow_unicode=unicode,
        indent=indent,
        sort_keys=False,
    )
    assert good(text).data == data


SHOWN = st.text("abc äß模😀'\"\\#:,\t", min_size=1, max_size=30).filter(lambda t: t == t.strip())


@settings(max_examples=300)
@given(SHOWN.filter(lambda t: "\t" not in t), st.sampled_from(("'", '"', "|", "plain")), st.data())
def test_a_character_of_a_scalar_is_found_in_the_file(
    value: str, style: str, data: st.DataObject
) -> None:
    written = {
        "'": "'" + value.replace("'", "''") + "'",
        '"': '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"',
        "|": "|-\n      " + value,
        "plain": value,
    }[style]
    source, found = parse("p.yaml", f"ä:\n  - b: {written}\n".encode())
    if style == "plain" and (found or source is None or source.data["ä"][0]["b"] != value):
        return
    assert source is not None
    assert source.data["ä"][0]["b"] == value
    i = data.draw(st.integers(0, len(value) - 1))
    span = source.inside(("ä", 0, "b"), i, i + 1)
    shown = source.text.split("\n")[span.line - 1][span.col - 1 :]
    escaped = {"'": "'", '"': '\\"'}.get(style, "")
    assert shown.startswith("\\" if style == '"' and value[i] in escaped else value[i])
    assert span.line == span.end_line


@given(st.lists(st.text("ab'#é", min_size=1, max_size=4), min_size=2, max_size=6), st.data())
def test_a_character_of_a_folded_text_is_found_in_the_file(
    words: list[str], data: st.DataObject
) -> None:
    value = " ".join(words)
    source = good("a: >-\n" + "".join(f"  {word}\n" for word in words))
    assert source.data["a"] == value
    i = data.draw(st.integers(0, len(value) - 1))
    span = source.inside(("a",), i, i + 1)
    row = source.text.split("\n")[span.line - 1] + "\n"
    assert row[span.col - 1] == ("\n" if value[i] == " " else value[i])
    assert span.line == 2 + value[:i].count(" ")


@pytest.mark.parametrize(
    ("raw", "value", "places"),
    [
        ("abc", "abc", [0, 1, 2]),
        ("'a''b'", "a'b", [1, 2, 4]),
        ('"a\\tb"', "a\tb", [1, 2, 4]),
        ('"\\u00e4\\x41\\U0001F600b"', "äA😀b", [1, 7, 11, 21]),
        ('"a\\\n  b"', "ab", [1, 6]),
        ("a\n  b", "a b", [0, 1, 4]),
        ("a\n\n  b", "a\nb", [0, 1, 5]),
        ("|\n  a\n  b\n", "a\nb\n", [4, 5, 8, 9]),
        (">\n  a\n  b\n", "a b\n", [4, 5, 8, 9]),
        ("''", "", []),
        ("abc", "xyz", None),
    ],
)
def test_decoded_texts_are_aligned_with_what_was_written(
    raw: str, value: str, places: list[int] | None
) -> None:
    assert align(raw, value) == places


PLACES = good("""top: 1
map:
  key: [one, two]
  'other': {x: ''}
list:
  - a: 1
    b: |
      x

end: 2
""")


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        ((), (1, 1, 1, 2), (1, 1, 10, 7)),
        (("top",), (1, 1, 1, 4), (1, 6, 1, 7)),
        (("map",), (2, 1, 2, 4), (3, 3, 4, 19)),
        (("map", "key"), (3, 3, 3, 6), (3, 8, 3, 18)),
        (("map", "key", 1), (3, 14, 3, 17), (3, 14, 3, 17)),
        (("map", "key", 7), (3, 3, 3, 6), (3, 8, 3, 18)),
        (("map", "other", "x"), (4, 13, 4, 14), (4, 16, 4, 18)),
        (("map", "nothing", "here"), (2, 1, 2, 4), (3, 3, 4, 19)),
        (("list", 0), (6, 5, 7, 12), (6, 5, 8, 8)),
        (("list", 0, "b"), (7, 5, 7, 6), (7, 8, 8, 8)),
    ],
)
def test_places(path: tuple[str | int, ...], key: tuple[int, ...], value: tuple[int, ...]) -> None:
    assert PLACES.value_span(path) == Span("p.yaml", *value)
    if path not in ((), ("list", 0)):
        assert PLACES.key_span(path) == Span("p.yaml", *key)


def test_renamed_keys_keep_their_places_and_their_order() -> None:
    source = good("modles:\n  a: {teir: x, b: 1}\nc: 2")
    now = source.rename({("modles",): "models", ("modles", "a", "teir"): "tier"})
    assert now == {("models",), ("models", "a", "tier")}
    assert source.data == {"models": {"a": {"tier": "x", "b": 1}}, "c": 2}
    assert list(source.data) == ["models", "c"]
    assert source.value_span(("models", "a", "tier")) == Span("p.yaml", 2, 13, 2, 14)
    assert source.key_span(("models", "a", "b")) == Span("p.yaml", 2, 16, 2, 17)
