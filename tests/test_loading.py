"""A policy from a file, a folder or a string."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from policy_router import PolicyError, Request, UsageError, decide, load

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
version: 1
models:
  a: { model: openai/a, tier: light, price: free }
"""


def test_a_policy_from_text_is_the_policy_of_such_a_file(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(TEXT)
    loaded = load(text=TEXT)
    assert [c.name for c in decide(loaded, Request()).candidates] == ["a"]
    assert loaded.models == load(path).models
    assert loaded.models[0].span is not None
    assert loaded.models[0].span.file == "<text>"


def test_a_folder_may_be_given_as_text_or_as_a_path(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(TEXT)
    assert load(tmp_path) == load(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version: 2\n", "version `2` of the policy language is unknown"),
        ("", "error"),
        ("models: [\n", "<text>:"),
        ("name: \ud800\n", "error"),
    ],
)
def test_what_is_wrong_with_a_text_is_drawn(text: str, message: str) -> None:
    with pytest.raises(PolicyError) as refused:
        load(text=text)
    assert message in str(refused.value)
    assert refused.value.diagnostics


def test_what_is_wrong_with_a_file_is_drawn(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="missing"):
        load(tmp_path / "missing.yaml")


def test_a_path_or_a_text_and_not_both() -> None:
    with pytest.raises(UsageError, match=r"either a path or `text=`"):
        load()  # type: ignore[call-overload]  # the mistake under test
    with pytest.raises(UsageError, match=r"either a path or `text=`"):
        load("policies/", text=TEXT)  # type: ignore[call-overload]  # the mistake under test


def test_the_name_is_the_function_whatever_was_imported_before() -> None:
    import policy_router.loading

    assert policy_router.load is policy_router.loading.load
