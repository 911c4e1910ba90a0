"""`prompts`: which model gets what, and when; `route` and `explain` show it per candidate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cli.run import run

if TYPE_CHECKING:
    from pathlib import Path

POLICY = """\
version: 1
tiers: [light, heavy]
models:
  small: { model: ollama_chat/llama3.2, tier: light, price: free, context: 8k }
  big: { model: ollama_chat/qwen2.5:72b, tier: heavy, price: free, context: 32k }
  plain: { model: ollama_chat/gemma3, tier: light, price: free, context: 8k }
tasks: { extract: { keywords: [extract] }, chat: {} }
prompts:
  terse-json:
    models: [small]
    when: { task: extract }
    system: Answer with JSON only.
    params: { temperature: 0, max_tokens: 500 }
  long:
    models: [small, big]
    system: Think about what is asked, then answer it in the plainest words that you have.
    place: after
  fixed: { models: [big], when: tokens > 10, params: { seed: 1 }, force: true }
"""


def policy(folder: Path) -> str:
    path = folder / "p.yaml"
    path.write_text(POLICY)
    return str(path)


def test_each_model_has_its_list(tmp_path: Path) -> None:
    found = run("prompts", "--policy", policy(tmp_path))
    assert found.code == 0
    out = found.out
    assert "small" in out.splitlines()[0]
    assert "when task == 'extract'" in out
    assert "tokens before the caller's system text; temperature, max_tokens unless" in out
    assert "tokens after the caller's system text" in out
    assert "seed forced" in out
    assert "long: Think about what is asked, then answer it in the plainest wo..." in out
    assert out.splitlines()[-1] == "without a prompt: plain"


def test_one_model_as_json(tmp_path: Path) -> None:
    found = run("prompts", "--policy", policy(tmp_path), "--model", "small", "--json").json
    (model,) = found["models"]
    assert model["model"] == "small"
    first, second = model["prompts"]
    assert first == {
        "name": "terse-json",
        "when": "task == 'extract'",
        "system": "Answer with JSON only.",
        "place": "before",
        "tokens": first["tokens"],
        "params": {"temperature": 0, "max_tokens": 500},
        "force": False,
        "at": first["at"],
    }
    assert (second["when"], second["place"], second["force"]) == (None, "after", False)


def test_an_unknown_model(tmp_path: Path) -> None:
    found = run("prompts", "--policy", policy(tmp_path), "--model", "smal")
    assert found.code == 2
    assert found.err.endswith("error: the policy has no model `smal`: did you mean `small`?\n")


def test_route_shows_what_each_candidate_gets(tmp_path: Path) -> None:
    path = policy(tmp_path)
    found = run("route", "--policy", path, "--task", "extract", "--tokens", "5")
    assert "Prompts" in found.out
    assert "terse-json" in found.out
    shown = run("route", "--policy", path, "--task", "extract", "--tokens", "5", "--json").json
    by_model = {each["model"]: each.get("prompt") for each in shown["candidates"]}
    assert by_model["plain"] is None
    small = by_model["small"]
    assert (small["name"], small["place"], small["force"]) == ("terse-json", "before", False)
    assert (small["tokens"] > 0, small["params"]) == (True, ["temperature", "max_tokens"])


def test_explain_shows_it_for_one_model(tmp_path: Path) -> None:
    path = policy(tmp_path)
    whole = run("explain", "--policy", path, "--task", "extract", "--tokens", "5")
    assert "Prompts" in whole.out
    one = run("explain", "--policy", path, "--task", "chat", "--tokens", "5", "--why-not", "big")
    assert "Prompts" in one.out
    assert "terse-json" not in one.out
