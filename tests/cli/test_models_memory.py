"""`models load` and `unload`: servers of one's own are told, in their own words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.run import run
from tests.discovery.sim import SimulatedSources, raw, redirecting, simulated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEXT = """\
version: 1
models:
  ollama: { like: base, model: ollama_chat/llama3.2, api_base: "SERVER/ollama" }
  studio: { like: base, model: lm_studio/qwen/qwen3.5-9b, api_base: "SERVER/lmstudio/v1" }
  vllm: { like: base, model: hosted_vllm/Qwen/Qwen2.5-32B-Instruct, api_base: "SERVER/vllm/v1" }
  base: { model: openai/any, api_base: "SERVER/any/v1", tier: t, price: free, context: 4k }
"""


@pytest.fixture
def sources() -> Iterator[SimulatedSources]:
    """Simulated sources of models on this machine."""
    with simulated() as running:
        yield running


@pytest.fixture
def policy(tmp_path: Path, sources: SimulatedSources) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(TEXT.replace("SERVER", sources.root))
    return path


ANSWERS = {
    "/ollama/api/generate": {"model": "llama3.2", "response": "", "done": True,
                             "done_reason": "load"},
    "/lmstudio/api/v1/models/load": {"type": "llm", "instance_id": "qwen/qwen3.5-9b",
                                     "load_time_seconds": 9.1, "status": "loaded"},
    "/lmstudio/api/v1/models/unload": {"instance_id": "qwen/qwen3.5-9b"},
    "/vllm/wake_up": raw(b""),
    "/vllm/sleep": raw(b""),
}  # fmt: skip


@pytest.mark.parametrize(
    ("action", "model", "said"),
    [
        ("load", "ollama", [("POST /ollama/api/generate", {"model": "llama3.2"})]),
        ("unload", "ollama",
         [("POST /ollama/api/generate", {"model": "llama3.2", "keep_alive": 0})]),
        ("load", "studio",
         [("POST /lmstudio/api/v1/models/load", {"model": "qwen/qwen3.5-9b"})]),
        ("unload", "studio",
         [("GET /lmstudio/api/v1/models", None),
          ("POST /lmstudio/api/v1/models/unload", {"instance_id": "qwen/qwen3.5-9b"})]),
        ("load", "vllm", [("POST /vllm/wake_up", {})]),
        ("unload", "vllm", [("POST /vllm/sleep?level=1", {})]),
    ],
)  # fmt: skip
def test_servers_load_and_unload_models(
    policy: Path, sources: SimulatedSources, action: str, model: str, said: list[object]
) -> None:
    sources.answers |= ANSWERS
    done = run("models", action, model, "-p", policy, "--json")
    assert done.code == 0, done.err
    assert done.json["loaded"] is (action == "load")
    assert list(zip(sources.asked, sources.bodies, strict=True)) == said


def test_as_people_read_it(policy: Path, sources: SimulatedSources) -> None:
    sources.answers |= ANSWERS
    done = run("models", "load", "ollama", "-p", policy)
    assert done.out == f"ollama is in the memory of ollama at {sources.root}/ollama\n"
    done = run("models", "unload", "vllm", "-p", policy)
    assert done.out == f"vllm was unloaded by vllm at {sources.root}/vllm\n"


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("vllm", "status 404; start vLLM with --enable-sleep-mode and VLLM_SERVER_DEV_MODE=1"),
        ("studio", "status 404; LM Studio 0.4 or later does that"),
        ("base", "it does not run at Ollama, LM Studio or vLLM"),
    ],
)
def test_servers_that_do_not(policy: Path, model: str, why: str) -> None:
    done = run("models", "load", model, "-p", policy)
    assert (done.code, done.out) == (3, "")
    assert f"error: `{model}` was not loaded: " in done.err
    assert why in done.err


def test_nothing_is_followed(policy: Path, sources: SimulatedSources) -> None:
    sources.answers["/ollama/api/generate"] = redirecting("http://169.254.169.254/")
    done = run("models", "unload", "ollama", "-p", policy)
    assert done.code == 3
    assert "`ollama` was not unloaded: " in done.err
    assert "which is not followed" in done.err


def test_a_model_that_is_unknown(policy: Path) -> None:
    done = run("models", "load", "olama", "-p", policy)
    assert (done.code, done.out) == (2, "")
    assert "did you mean `ollama`?" in done.err
