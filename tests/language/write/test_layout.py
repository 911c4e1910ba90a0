"""The layout of policy files: what changes, and that nothing else does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from policy_router.language.write.layout import CannotFormatError, formatted
from policy_router.language.yaml_reader import parse

ROOT: Final = Path(__file__).parents[3]
FILES: Final = sorted(
    path
    for folder in ("policies", "examples", "tests/cases")
    for path in (ROOT / folder).rglob("*.yaml")
    if parse(path.name, path.read_bytes())[0] is not None
)


def _data(text: str) -> Any:
    source, problems = parse("file", text.encode())
    assert source is not None, problems
    return source.data


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("", "", id="nothing"),
        pytest.param("a:    1\n\n\n\nb: 2", "a: 1\n\nb: 2\n", id="blanks and empty lines"),
        pytest.param("a:\r\n  b: 1\r\n", "a:\n  b: 1\n", id="line ends"),
        pytest.param("\ufeffa: 1  \n\n\n", "a: 1\n", id="byte order mark"),
        pytest.param("a:\n      b:\n         c: 1\n", "a:\n  b:\n    c: 1\n", id="indentation"),
        pytest.param("a:\n- b\n-   c\nd: 1\n", "a:\n  - b\n  - c\nd: 1\n", id="list under a key"),
        pytest.param(
            "- a: 1\n  b:\n  - c\n  - d: 1\n    e: 2\n  f: 1\n- - g\n  - h\n",
            "- a: 1\n  b:\n    - c\n    - d: 1\n      e: 2\n  f: 1\n- - g\n  - h\n",
            id="nested lists",
        ),
        pytest.param(
            "a: [1,2 , {b:  c,d: }, { }, [ ]]\n", "a: [1, 2, { b: c, d: }, {}, []]\n", id="flow"
        ),
        pytest.param("a: [\n    b,\n c\n    ]\n", "a: [\n  b,\n  c\n]\n", id="flow in lines"),
        pytest.param(
            "a:\n    { b: 1,\n    c: [\n  2 ] }\n",
            "a:\n  { b: 1,\n    c: [\n      2] }\n",
            id="flow below its key",
        ),
        pytest.param("- [a,\n b]\n", "- [a,\n    b]\n", id="flow in a list"),
        pytest.param('"a" : 1\n', '"a": 1\n', id="blank before a colon"),
        pytest.param(
            "a: |\n      x\n        y\n\n\nb: 1\n", "a: |\n  x\n    y\n\nb: 1\n", id="text"
        ),
        pytest.param("a: |+\n   x\n\n\nb: 1\n", "a: |+\n  x\n\n\nb: 1\n", id="text with its end"),
        pytest.param("a: |+\n   x\n\n\n", "a: |+\n  x\n\n\n", id="the same, last"),
        pytest.param("a: >-  # why\n", "a: >-  # why\n", id="empty text"),
        pytest.param("a: b\n      c\n\n      d\n", "a: b\n  c\n\n  d\n", id="plain in lines"),
        pytest.param('a: "x\n y\\\n   z"\n', 'a: "x\n  y\\\n  z"\n', id="quoted in lines"),
        pytest.param("#a\na: 1 #b\n", "# a\na: 1  # b\n", id="comments"),
        pytest.param("#!x\n####\n", "#!x\n####\n", id="rows of marks"),
        pytest.param("# as in #5\na: 1  #see #6\n", "# as in #5\na: 1  # see #6\n", id="numbers"),
        pytest.param(
            "a:   1      # in its\nbcd: 2      # column\n            # to the end\n",
            "a: 1        # in its\nbcd: 2      # column\n            # to the end\n",
            id="comments in a column",
        ),
        pytest.param(
            "a:\n    # about b\n    b: 1\n    # end of a\n# about c\nc: 1\n",
            "a:\n  # about b\n  b: 1\n  # end of a\n# about c\nc: 1\n",
            id="comments between",
        ),
        pytest.param("a:\n    b: 1\n    # end\n", "a:\n  b: 1\n  # end\n", id="comment at the end"),
        pytest.param(
            "a:\n  - # x\n    b: 1\n", "a:\n  -  # x\n    b: 1\n", id="comment behind a dash"
        ),
        pytest.param("---\na: 1\n", "---\na: 1\n", id="start of a document"),
        pytest.param("a: What?, b\n", "a: What?, b\n", id="question mark"),
    ],
)
def test_layout(before: str, after: str) -> None:
    assert formatted("file", before.encode()) == after
    assert formatted("file", after.encode()) == after


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x 1\n", "file:1:4 anchors are not allowed; fix it first"),
        ("? a\n: 1\n", "file has keys that begin with `?`"),
        ("a: |2\n  x\n", "file has a text that states its indentation"),
    ],
)
def test_what_has_no_layout(text: str, message: str) -> None:
    with pytest.raises(CannotFormatError) as refusal:
        formatted("file", text.encode())
    assert str(refusal.value) == message


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_files_say_the_same_with_the_same_comments(path: Path) -> None:
    before = path.read_bytes()
    try:
        after = formatted(path.name, before)
    except CannotFormatError as refusal:
        pytest.fail(str(refusal))
    source, _ = parse(path.name, before)
    assert source is not None
    assert _data(after) == source.data
    spaced = re.compile(r"\s+")
    assert spaced.sub("", after) == spaced.sub("", source.text)
    assert formatted(path.name, after.encode()) == after


_TEXTS: Final = st.text(st.sampled_from("ab c:#-\n'\"{}[],|>?!&*%\té"), max_size=12)
_VALUES: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | _TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abc", min_size=1, max_size=2), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(
    data=st.dictionaries(st.text("abcdef", min_size=1, max_size=3), _VALUES, max_size=4),
    flow=st.sampled_from([None, True, False]),
    indent=st.integers(2, 7),
    width=st.sampled_from([10, 40, 1000]),
    style=st.sampled_from([None, "'", '"', "|", ">"]),
)
def test_any_data_in_any_layout_stay_the_same(
    data: dict[str, Any], flow: bool | None, indent: int, width: int, style: str | None
) -> None:
    text = yaml.dump(
        data,
        default_flow_style=flow,
        indent=indent,
        width=width,
        default_style=style,
        allow_unicode=True,
        sort_keys=False,
    )
    source, problems = parse("file", text.encode())
    if source is None:  # tags that the style makes yaml.dump write
        assert problems
        return
    try:
        after = formatted("file", text.encode())
    except CannotFormatError as refusal:  # the width of yaml.dump makes it write both
        refused = str(refusal)
    else:
        refused = ""
    if refused:
        assert "indentation" in refused or "`?`" in refused, text
        return
    assert _data(after) == source.data
    assert formatted("file", after.encode()) == after
