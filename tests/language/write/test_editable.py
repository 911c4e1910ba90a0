"""Values and entries of policy files are changed, and nothing else is: byte for byte."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_router.base_errors import UsageError
from policy_router.language.write.editable import EditablePolicy
from policy_router.language.write.values import flow, read_value
from tests.language.write.layouts import FIELDS, TYPED, Layout, layouts

if TYPE_CHECKING:
    from hypothesis.strategies import DataObject


def read(text: str) -> Any:
    """What a file says, by another reader of YAML than ours."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(text.removeprefix("\ufeff"), loader)  # noqa: S506  a safe loader, in C


def changed_piece(before: str, after: str) -> tuple[str, str]:
    """What differs between two texts, without what they share before and behind it."""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return before[start : len(before) - end], after[start : len(after) - end]


@given(layouts(), st.data())
@settings(max_examples=200)
def test_setting_a_value_changes_nothing_else(layout: Layout, data: DataObject) -> None:
    name = data.draw(st.sampled_from(list(layout.data)))
    key = data.draw(st.sampled_from(list(TYPED)))
    typed = data.draw(st.sampled_from(TYPED[key]))
    policy = EditablePolicy(layout.sources)
    path = ("models", name, *key.split("."))
    home = next(f for f, text in layout.sources.items() if name in read(text)["models"])

    policy.set(path, typed)

    expected = copy.deepcopy(read(layout.sources[home]))
    place = expected["models"][name]
    for step in path[2:-1]:
        if not isinstance(place.get(step), dict):
            place[step] = {}
        place = place[step]
    place[path[-1]] = read_value(typed)
    assert read(policy.after[home]) == expected
    for file, text in layout.sources.items():
        if file != home:
            assert policy.after[file] == text
    old, _ = changed_piece(layout.sources[home], policy.after[home])
    if path[2] not in layout.data[name]:
        assert not old, "a new field is only inserted"
    else:
        top = layout.data[name][path[2]]
        whole_lines = 2 + sum(len(each) for each in [top] if isinstance(each, dict | list)) * 6
        assert old.count("\n") <= whole_lines
        if not isinstance(top, dict | list):
            assert "#" not in old.replace("#c", ""), "a comment is no part of a value"
    line_ends = layout.sources[home].count("\r\n") == layout.sources[home].count("\n")
    assert line_ends == (policy.after[home].count("\r\n") == policy.after[home].count("\n"))
    once = dict(policy.after)
    policy.set(path, typed)
    assert policy.after == once


@given(layouts(), st.data())
@settings(max_examples=60)
def test_an_entry_that_is_added_and_removed_leaves_no_trace(
    layout: Layout, data: DataObject
) -> None:
    noted = data.draw(st.booleans())
    policy = EditablePolicy(layout.sources)
    fields = {"model": "openai/new:free", "tier": "light", "price": "free", "can": "[tools]"}
    policy.add("models", "new.1", fields, {"tier": "guessed"} if noted else {})
    file = policy.file_of(("models", "new.1"))
    assert file is not None
    before, after = layout.sources[file.name], policy.after[file.name]
    assert changed_piece(before, after)[0] == ""
    assert read(after)["models"]["new.1"] == {
        "model": "openai/new:free", "tier": "light", "price": "free", "can": ["tools"],
    }  # fmt: skip
    policy.unset(("models", "new.1"))
    assert read(policy.after[file.name]) == read(before)
    assert policy.after[file.name].rstrip("\r\n") == before.rstrip("\r\n")


@given(layouts(), st.data())
@settings(max_examples=60)
def test_an_entry_that_is_removed_takes_nothing_with_it(layout: Layout, data: DataObject) -> None:
    name = data.draw(st.sampled_from(list(layout.data)))
    policy = EditablePolicy(layout.sources)
    file = policy.file_of(("models", name))
    assert file is not None
    policy.unset(("models", name))
    expected = read(file.text)
    del expected["models"][name]
    if not expected["models"]:
        del expected["models"]
    assert read(policy.after[file.name]) == expected
    assert changed_piece(file.text, policy.after[file.name])[1] == ""


TEXT = """\
version: 1  # first
models:
  # the small one
  small: { model: openai/a, tier: light, can: [tools] }  # cheap
  large:
    model: 'openai/b'   # quoted
    tier: "heavy"
    price:  # list price
      input: $1/M  # in
      output: $2/M
    can:
      - tools
      - json  # last
    # about tags
    tags: [x]
    latency:
"""


@pytest.mark.parametrize(
    ("path", "typed", "old", "new"),
    [
        ("small.tier", "heavy", "tier: light", "tier: heavy"),
        ("small.can", "[json, tools]", "can: [tools]", "can: [json, tools]"),
        ("small.price", "free", "can: [tools] }", "can: [tools], price: free }"),
        ("small.tags", "it's [so]", "can: [tools] }", 'can: [tools], tags: "it\'s [so]" }'),
        ("large.model", "openai/it's", "'openai/b'", "'openai/it''s'"),
        ("large.tier", "light", 'tier: "heavy"', 'tier: "light"'),
        ("large.price.output", "$3/M", "output: $2/M", "output: $3/M"),
        ("large.price.cached", "$1/M", "t: $2/M\n", "t: $2/M\n      cached: $1/M\n"),
        ("large.can", "[vision]", "can:\n      - tools\n      - json", "can: [vision]"),
        ("large.tags", "[y, z]", "tags: [x]", "tags: [y, z]"),
        ("large.latency", "2s", "latency:\n", "latency: 2s\n"),
        ("large.quality", "0.5", "latency:\n", "latency:\n    quality: 0.5\n"),
        ("large.price", "free", "      input: $1/M  # in\n      output: $2/M", "      free"),
        ("large.params.seed", "3", "latency:\n", "latency:\n    params: { seed: 3 }\n"),
        ("small.price.input", "$1/M", "[tools] }", "[tools], price: { input: $1/M } }"),
    ],
)  # fmt: skip
def test_a_value_is_written_as_its_neighbours_are(
    path: str, typed: str, old: str, new: str
) -> None:
    policy = EditablePolicy({"p.yaml": TEXT})
    policy.set(("models", *path.split(".")), typed)
    assert TEXT.count(old) == 1
    assert policy.after["p.yaml"] == TEXT.replace(old, new)


@pytest.mark.parametrize(
    ("text", "added"),
    [
        ("models:\n    a: { model: x/y, tier: t }\n", "    new: { model: z, tier: t }\n"),
        (
            "models:\n    a:\n     model: x/y\n     tier: t",
            "\n    new:\n     model: z\n     tier: t",
        ),
        ("version: 1\n", "models:\n  new:\n    model: z\n    tier: t\n"),
        ("version: 1", "\nmodels:\n  new:\n    model: z\n    tier: t\n"),
        ("models:", "\n  new:\n    model: z\n    tier: t"),
    ],
)
def test_an_entry_is_written_as_its_neighbours_are(text: str, added: str) -> None:
    policy = EditablePolicy({"p.yaml": text})
    policy.add("models", "new", {"model": "z", "tier": "t"}, {})
    assert policy.after["p.yaml"] == text + added


def test_a_section_without_entries_gets_one() -> None:
    policy = EditablePolicy({"p.yaml": "models: {}  # none\nversion: 1\n"})
    policy.add("models", "new", {"model": "z"}, {"model": "why"})
    assert policy.after["p.yaml"] == "models:\n  new:\n    model: z  # why  # none\nversion: 1\n"
    policy = EditablePolicy({"p.yaml": "models: { a: { b: c } }\n"})
    policy.add("models", "new", {"model": "z"}, {"model": "no room for why"})
    assert policy.after["p.yaml"] == "models: { a: { b: c }, new: { model: z } }\n"


def test_a_field_is_taken_out() -> None:
    policy = EditablePolicy({"p.yaml": TEXT})
    policy.unset(("models", "large", "can"))
    policy.unset(("models", "small", "model"))
    policy.unset(("models", "small", "can"))
    assert policy.after["p.yaml"] == TEXT.replace(
        "    can:\n      - tools\n      - json  # last\n", ""
    ).replace("{ model: openai/a, tier: light, can: [tools] }", "{ tier: light }")
    policy.unset(("models", "small", "tier"))
    assert "  small: {  }  # cheap\n" in policy.after["p.yaml"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: &x 1\nb: *x\n", "p.yaml:1:4: anchors are not allowed"),
        ("a: [1\n", "fix it before the policy is edited"),
    ],
)
def test_files_that_cannot_be_read_are_not_edited(text: str, why: str) -> None:
    with pytest.raises(UsageError) as refused:
        EditablePolicy({"p.yaml": text})
    assert why in str(refused.value)


def test_what_cannot_be_changed_alone_is_left() -> None:
    text = "? models\n: ? a\n  : ? model\n    : x\n"
    policy = EditablePolicy({"p.yaml": text})
    with pytest.raises(UsageError, match=r"`models\.a\.model` cannot be changed in p.yaml"):
        policy.unset(("models", "a", "model"))
    assert policy.after == {"p.yaml": text}


@pytest.mark.parametrize(
    ("path", "value"), [(("a", "model"), "y"), (("a", "tier"), "y"), (("a",), "y")]
)
def test_what_has_no_place_of_its_own_is_left(path: tuple[str, ...], value: str) -> None:
    text = "models:\n  ? a\n  :\n    ? model\n    : x\n"
    policy = EditablePolicy({"p.yaml": text})
    if path == ("a", "tier"):
        policy.set(("models", *path), value)
        assert policy.after["p.yaml"] == text + "    tier: y\n"
        return
    policy.set(("models", *path), value)
    assert read(policy.after["p.yaml"])["models"]["a"] in ("y", {"model": "y"})


def test_a_spelling_that_does_not_fit_is_passed_over() -> None:
    policy = EditablePolicy({"p.yaml": "models:\n  a:\n    tier:\n    params: {}\n"})
    policy.set(("models", "a", "tier"), "a: b")
    policy.set(("models", "a", "params", "stop"), "[x]")
    assert policy.after["p.yaml"] == (
        'models:\n  a:\n    tier: "a: b"\n    params: { stop: [x] }\n'
    )


def test_a_file_that_no_spelling_fits_is_left() -> None:
    text = "models: { a: { ? [b] : c } }\n"
    with pytest.raises(UsageError):
        EditablePolicy({"p.yaml": text})
    for broken in (
        "models:\n  a: {tier: b}\n  a: {tier: c}\n",
        "models:\n  a:\n    x: 1\n  a: 2\n",
    ):
        policy = EditablePolicy({"p.yaml": broken})
        with pytest.raises(UsageError, match="change it by hand"):
            policy.set(("models", "a", "tier"), "d")
        with pytest.raises(UsageError, match="change it by hand"):
            policy.unset(("models", "a"))


def test_what_is_not_there_is_not_changed() -> None:
    policy = EditablePolicy({"p.yaml": TEXT})
    with pytest.raises(UsageError, match=r"`models\.other` is not in the policy"):
        policy.set(("models", "other", "tier"), "light")
    with pytest.raises(UsageError, match=r"`models\.small\.price` is not in the policy"):
        policy.unset(("models", "small", "price"))
    with pytest.raises(UsageError, match="`small` is already in the policy"):
        policy.add("models", "small", {}, {})
    assert policy.entries("models") == ["small", "large"]


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("free", "free"), ("1", 1), ("0.5", 0.5), ("true", True), ("[a, b]", ["a", "b"]),
        ("{ a: 1 }", {"a": 1}), ("a: b", "a: b"), ("null", "null"), ("'x'", "x"), ("a\nb", "a\nb"),
        ("{}", {}),
        ("*x", "*x"), ("# no", "# no"),
    ],
)  # fmt: skip
def test_values_as_people_type_them(typed: str, value: Any) -> None:
    assert read_value(typed) == value


@pytest.mark.parametrize("typed", ["[a", "{ a: 1", '"x', "'"])
def test_values_that_are_not_closed(typed: str) -> None:
    with pytest.raises(UsageError, match="close its brackets and quotes"):
        read_value(typed)


def test_the_layouts_have_all_fields() -> None:
    assert {key.split(".")[0] for key in TYPED} == set(FIELDS)


def test_values_in_brackets_have_quotes_where_they_need_them() -> None:
    value = {"a": ["x", "y z", "a, b", "1", 1, True], "b": {}}
    assert flow(value) == '{ a: [x, y z, "a, b", "1", 1, true], b: {} }'
