"""`classify`: prompts in, one line each out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.cli.run import TEAM, Result, run

if TYPE_CHECKING:
    from pathlib import Path

PROMPTS = """\
Hi there

{"prompt": "Refactor this class"}
{"messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}], "tools": [{"type": "function", "function": {"name": "f"}}]}
{not json, but a prompt
"""  # noqa: E501  one line each


def classify(*argv: object, stdin: str = "") -> Result:
    return run("classify", *argv, "-p", TEAM, stdin=stdin.encode())


def test_a_line_for_each_prompt() -> None:
    lines = classify(stdin=PROMPTS).out.splitlines()
    assert len(lines) == 4
    assert lines[0].split() == ["chat", "100%", "0.02", "easy", "capability", "0.02", "Hi", "there"]
    assert lines[1].startswith("code             100%  ")
    assert lines[1].endswith("Refactor this class")
    assert lines[3].endswith("{not json, but a prompt")


def test_a_file_and_json(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text(PROMPTS)
    found = [json.loads(line) for line in classify(path, "--json").out.splitlines()]
    assert [each["task"] for each in found] == ["chat", "code", "chat", "chat"]
    assert found[1]["by"] == "keywords"
    assert found[1]["evidence"] == ["refactor"]
    assert found[2]["needs"] == ["tools"]
    assert found[0]["band"] == "easy"
    assert list(found[0]) == [
        "task", "confidence", "by", "evidence", "form", "kind", "kinds", "score", "band",
        "estimator", "abstained", "factors", "turn", "tokens", "needs", "script",
    ]  # fmt: skip
    assert found[0]["factors"][2].keys() == {"name", "value", "weight", "share"}
    assert classify("-", "--json", stdin=path.read_text()).out == classify(path, "--json").out


def test_exact_tokens_on_demand() -> None:
    body = '{"messages": [{"role": "user", "content": "Hello"}]}\n'
    found = json.loads(classify("--exact", "--json", stdin=body).out)
    assert found["exact_tokens"] == 8  # three for the message, three for the answer, two words
    assert found["exact_tokens"] <= found["tokens"] + 3
    assert classify("--exact", stdin="Hello").out.startswith("1 token  chat")


def test_a_long_prompt_is_cut_and_control_characters_are_not_printed() -> None:
    line = classify(stdin="word " * 50 + "\n\x1b[31mred\n").out.splitlines()
    assert line[0].endswith("word word…")
    assert "\x1b" not in line[1]


def test_a_null_is_as_nothing() -> None:
    """A data frame writes null for what a row has not."""
    line = '{"prompt": "Refactor this class", "messages": null, "tools": null}'
    assert classify(stdin=line).out == classify(stdin='{"prompt": "Refactor this class"}').out


def test_a_byte_order_mark_is_no_part_of_a_prompt(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text(PROMPTS, "utf-8-sig")
    plain = classify(stdin=PROMPTS).out
    assert classify(path).out == plain
    assert classify(stdin="\ufeff" + PROMPTS).out == plain
    assert classify(stdin="\ufeff" + PROMPTS.replace("\n", "\r\n")).out == plain


def test_what_is_no_prompt(tmp_path: Path) -> None:
    refused = classify(stdin='{"text": "x"}')
    assert (refused.code, refused.out) == (2, "")
    assert "line 1 has neither `prompt` nor `messages`" in refused.err
    refused = classify(stdin='Hello\n\n{"prompt": null, "messages": null}')
    assert "line 3 has neither `prompt` nor `messages`" in refused.err
    missing = classify(tmp_path / "none.txt")
    assert missing.code == 2
    assert "cannot read" in missing.err
    assert classify(stdin='{"messages": 5}').code == 0
    assert classify(stdin="[" * 100_000).code == 0
    assert classify(stdin="{" * 100_000).code == 0
