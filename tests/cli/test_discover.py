"""`discover`: sources are asked, the policy is compared, and patches are offered."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.run import Result, run
from tests.discovery.sim import SimulatedSources, raw, simulated

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXT = """\
version: 1
tiers: [light, heavy]
models:
  coder-free: { model: openrouter/qwen/qwen3-coder:free, tier: light, price: free, context: 262144 }
  coder:
    model: openrouter/qwen/qwen3-coder
    tier: heavy
    price: { input: $0.22/M, output: $0.95/M }  # list price
    context: 262144
  here:
    model: ollama_chat/llama3.2
    api_base: "SERVER/ollama"
    tier: light
    price: free
    context: 8k
budgets: { all: { cap: $10/month, then: free_only } }
"""


@pytest.fixture
def sources() -> Iterator[SimulatedSources]:
    """Simulated sources of models on this machine."""
    with simulated() as running:
        yield running


class Desk:
    """A policy, simulated sources, and a cache."""

    def __init__(self, folder: Path, sources: SimulatedSources) -> None:
        self.policy, self.cache = folder / "policy.yaml", folder / "cache.json"
        self.sources = sources
        self.policy.write_text(TEXT.replace("SERVER", sources.root))

    def discover(self, *options: str) -> Result:
        """Look at OpenRouter and Ollama."""
        named = (
            "--source", f"openrouter={self.sources.root}/openrouter",
            "--source", f"ollama={self.sources.root}/ollama",
        )  # fmt: skip
        return run("discover", "-p", self.policy, "--cache", self.cache, *named, *options)


@pytest.fixture
def desk(tmp_path: Path, sources: SimulatedSources) -> Desk:
    return Desk(tmp_path, sources)


def test_a_policy_that_agrees(desk: Desk) -> None:
    done = desk.discover()
    assert done.code == 0, done.out + done.err
    assert "openrouter" in done.out
    assert "4 models" in done.out
    assert "first look at openrouter" in done.out
    assert done.out.endswith("the policy agrees with what is offered\n")
    told = desk.discover("--json").json
    assert told["policy_should_change"] is False
    assert {row["kind"] for row in told["changes"]} == {"new"}, "Ollama has more"
    assert [row["models"] for row in told["sources"]] == [4, 3]


def test_without_any_list_nothing_is_said_to_agree(desk: Desk, tmp_path: Path) -> None:
    policy = tmp_path / "hosted.yaml"
    policy.write_text("version: 1\nmodels: { a: { model: openai/gpt-4.1, tier: t } }\n")
    silent = f"ollama={desk.sources.root}/missing"
    for source in ([], ["--source", silent]):
        done = run("discover", "-p", policy, "--cache", tmp_path / "own.json", *source)
        assert done.out.splitlines()[-1] == (
            "no source gave a list of models, so only known shutdown dates were checked: "
            "name one with --source, such as `--source openrouter`"
        )
        assert done.code == (3 if source else 0)
    report = run("discover", "-p", policy, "--cache", tmp_path / "own.json", "--markdown").out
    assert "Nothing: no source gave a list of models, so only known shutdown dates" in report


def test_answers_are_used_again_unless_forced(desk: Desk) -> None:
    desk.discover()
    number = len(desk.sources.asked)
    assert "--force asks again" in desk.discover().out or number
    assert len(desk.sources.asked) == number
    desk.discover("--force")
    assert len(desk.sources.asked) == 2 * number
    desk.policy.write_text(
        desk.policy.read_text() + "discovery: { sources: [ollama], every: 1ms }\n"
    )
    desk.discover()
    assert len(desk.sources.asked) == 3 * number


def test_the_policy_should_change(desk: Desk, tmp_path: Path) -> None:
    desk.discover()
    rows = desk.sources.openrouter
    rows[1]["pricing"] |= {"prompt": "0.0000003"}
    rows[0]["context_length"] = 131_072
    rows[3]["id"] = "anthropic/claude-new"
    patch = tmp_path / "models.diff"
    done = desk.discover("--force", "--patch", str(patch), "--json")
    assert done.code == 1
    told = done.json
    assert [(row["kind"], row["model"]) for row in told["changes"] if row["model"]] == [
        ("context", "coder-free"), ("more expensive", "coder"),
    ]  # fmt: skip
    assert "anthropic/claude-new" in [row["listed"] for row in told["changes"]]
    assert patch.read_text() == told["patch"]
    assert desk.policy.read_text() == TEXT.replace("SERVER", desk.sources.root), (
        "nothing is applied"
    )
    lines = desk.discover().out
    assert "2 changes that the policy should follow" in lines
    assert "it costs $0.30/M in, $0.95/M out, the policy says $0.22/M in, $0.95/M out" in lines


def test_the_patch_applies_and_settles_the_matter(desk: Desk, tmp_path: Path) -> None:
    desk.discover()
    desk.sources.openrouter[1]["pricing"] |= {"prompt": "0.0000003"}
    patch = tmp_path / "models.diff"
    assert desk.discover("--force", "--patch", str(patch)).code == 1
    subprocess.run(["patch", "-p0", "-i", patch], cwd="/", check=True, capture_output=True)
    text = desk.policy.read_text()
    assert "    price: { input: $0.3/M, output: $0.95/M }  # list price\n" in text
    assert (
        "tier: light  # guessed from its name: check it" in text or "tier: heavy  # guessed" in text
    )
    assert desk.discover().code == 0


def test_a_free_model_that_costs_now_is_reported_and_not_patched(
    desk: Desk, tmp_path: Path
) -> None:
    desk.sources.openrouter[0]["pricing"] |= {"prompt": "0.000001", "completion": "0.000002"}
    patch = tmp_path / "models.diff"
    done = desk.discover("--patch", str(patch), "--json")
    assert done.code == 1
    (change,) = [row for row in done.json["changes"] if row["model"]]
    assert (change["kind"], change["model"]) == ("more expensive", "coder-free")
    assert "no patch does that" in change["help"]
    assert "coder-free" not in patch.read_text().replace(" coder-free: { model", "")
    assert "-  coder-free" not in patch.read_text()


def test_a_source_that_fails(desk: Desk) -> None:
    desk.sources.answers["/openrouter/api/v1/models"] = raw(b"no", 503)
    done = desk.discover()
    assert done.code == 3
    assert "it answers with the status 503" in done.out
    assert "1 source gave no list, so the policy is compared with the rest" in done.out
    desk.sources.answers["/ollama/api/tags"] = {"models": []}
    assert desk.discover("--force").code == 1, "what should change goes before what failed"


def test_a_report_of_the_month(desk: Desk) -> None:
    desk.discover()
    rows = desk.sources.openrouter
    rows[1]["pricing"] |= {"prompt": "0.0000003"}
    rows[0]["expiration_date"] = "2026-01-01"
    rows.append({**rows[3], "id": "maker/fresh|one", "context_length": 5_000})
    rows.append({**rows[3], "id": "maker/fresh", "context_length": 5_000})
    rows.append({**rows[3], "id": "maker/[free](http://evil.example)<img>"})
    del rows[2:4]
    done = desk.discover("--force", "--markdown")
    assert done.code == 1
    text = done.out
    assert text.startswith("# Models, the 30 days to 20")
    assert "| more expensive | coder | it costs $0.30/M in, $0.95/M out, the policy says" in text
    assert "| goes away | coder-free | `qwen/qwen3-coder:free` was due to be switched off" in text
    assert "| openrouter | maker/fresh | $3.00/M in, $15.00/M out, 5,000 tokens," in text
    assert "| price: $0.22/M in, $0.95/M out -> $0.30/M in, $0.95/M out |" in text
    assert "| last_day: - -> 2026-01-01 |" in text
    assert "| openrouter | anthropic/claude-sonnet-4.5 | gone |" in text
    assert "](" not in text
    assert "<img" not in text
    calm = Path(desk.policy.parent / "calm.yaml")
    calm.write_text("version: 1\nmodels: { a: { model: openai/gpt-4.1, tier: t } }\n")
    report = run("discover", "-p", calm, "--cache", calm.with_suffix(".json"), "--markdown",
                 "--source", f"{desk.sources.root}/any/v1").out  # fmt: skip
    assert "Nothing: the policy agrees with what is offered." in report
    assert "Nothing that the policy does not have." in report


def test_every_model_can_be_shown(desk: Desk) -> None:
    for number in range(40):
        desk.sources.openrouter.append({**desk.sources.openrouter[3], "id": f"maker/m{number}"})
    assert "maker/m1" not in desk.discover().out
    done = desk.discover("--all")
    assert "openrouter maker/m1 " in done.out
    assert "new models more: --json has all" in done.out


def test_new_models_are_probed(tmp_path: Path, sources: SimulatedSources) -> None:
    policy = tmp_path / "own.yaml"
    policy.write_text(
        "version: 1\nmodels:\n"
        '  a: { model: openai/a, api_base: "http://localhost:1/v1", tier: t, price: free, '
        "context: 4k }\n"
    )
    name = "Qwen/Qwen2.5-32B-Instruct"
    sources.answers["/vllm/v1/chat/completions"] = {
        "id": "1", "object": "chat.completion", "created": 1, "model": name,
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "p"}}
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
    }  # fmt: skip
    options = (
        "-p",
        policy,
        "--cache",
        tmp_path / "c.json",
        "--source",
        f"vllm={sources.root}/vllm",
    )
    probed = run("discover", *options, "--probe", "--json")
    assert probed.code == 0, probed.err
    assert list(probed.json["probes"]) == ["Qwen2.5-32B-Instruct"]
    assert probed.json["probes"]["Qwen2.5-32B-Instruct"].startswith("answered in ")
    assert sources.asked.count("POST /vllm/v1/chat/completions") == 1
    assert "answered" not in run("discover", *options).out
    del sources.answers["/vllm/v1/chat/completions"]
    shown = run("discover", *options, "--probe")
    assert "Qwen2.5-32B-Instruct: model_gone (404)" in shown.out


def test_wrong_use(desk: Desk, tmp_path: Path) -> None:
    done = run("discover", "-p", desk.policy, "--source", "olama")
    assert (done.code, done.out) == (2, "")
    assert "did you mean `ollama`?" in " ".join(done.err.split())
    done = desk.discover("--patch", str(tmp_path / "no" / "such.diff"))
    assert done.code == 2
    assert "cannot write" in done.err
    assert run("discover", "-p", tmp_path / "gone.yaml").code == 2
    (tmp_path / "cache.json").unlink(missing_ok=True)
    (tmp_path / "cache.json").mkdir()
    done = desk.discover()
    assert done.code == 0
    assert "the cache cannot be written" in done.err


def test_keys_go_only_where_they_belong(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "sk-canary")
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-other")
    done = run("discover", "-p", desk.policy, "--cache", desk.cache, "--key-env", "SOME_KEY",
               "--source", f"{desk.sources.root}/any/v1", "--source",
               f"ollama={desk.sources.root}/ollama")  # fmt: skip
    assert done.code == 0
    keys = [each.get("authorization") for each in desk.sources.headers]
    assert keys.count("Bearer sk-canary") == 1
    assert "canary" not in done.out + done.err + desk.cache.read_text()
    assert not [key for key in keys if key and "other" in key]
