"""`init`: what can be reached from here, and a policy in which `check` finds nothing."""

from __future__ import annotations

import gzip
import json
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import combinations
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from policy_router.catalog.table import Catalog, catalog
from policy_router.check.report import inspect
from policy_router.discovery import local as finding
from policy_router.discovery.local import (
    KEYS,
    SOURCES,
    Discovered,
    ServedModel,
    Server,
    discover,
    ollama_base,
)
from policy_router.discovery.starter import TIERS, compose, hosted_models
from policy_router.language.files import PolicyFile
from policy_router.language.schema import generate
from tests.cli.run import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from policy_router.check.report import Report
    from policy_router.discovery.local import ServerKind

DAY = date(2026, 11, 30)
OLLAMA = {
    "models": [
        {"name": "llama3.2:latest", "size": 2_019_393_189},
        {"name": "qwen2.5:72b-instruct"},
        {"name": "gpt-oss:120b-cloud", "remote_host": "https://ollama.com:443"},
        {"name": "nomic-embed-text:latest"},
    ]
}
LMSTUDIO = {
    "data": [{"id": "qwen/qwen3.5-9b", "object": "model"}, {"id": "text-embedding-nomic"}],
    "object": "list",
}
VLLM = {"data": [{"id": "Qwen/Qwen2.5-32B-Instruct", "max_model_len": 32_768}]}
ANSWERS: dict[str, Any] = {"ollama": OLLAMA, "lmstudio": LMSTUDIO, "vllm": VLLM}


class _Handler(BaseHTTPRequestHandler):
    """Answers every path below a server's name with what that server would say."""

    answers: ClassVar[dict[str, tuple[int, bytes, dict[str, str]]]]
    asked: ClassVar[list[str]]
    hang: ClassVar[threading.Event]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        name = self.path.strip("/").split("/")[0]
        if name not in self.answers:
            self.send_error(404)
            return
        status, body, headers = self.answers[name]
        if name == "slow":
            self.hang.wait(30)
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Tests print nothing."""


class _Here:
    """A real server on this machine."""

    def __init__(self, handler: type[_Handler], port: int) -> None:
        self.handler, self.port = handler, port
        self.root = f"http://127.0.0.1:{port}"

    def says(self, name: str, answer: Any, status: int = 200, **headers: str) -> None:
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.handler.answers[name] = (status, body, headers)

    def sources(self, *names: str) -> list[ServerKind]:
        """The known sources, those of these names at this server, the others nowhere."""
        gone = f"{self.root}/gone"
        return [
            replace(s, base=f"{self.root}/{s.name}" if s.name in names else gone) for s in SOURCES
        ]


@contextmanager
def _serving() -> Iterator[_Here]:
    class Handler(_Handler):
        answers: ClassVar[dict[str, tuple[int, bytes, dict[str, str]]]] = {}
        asked: ClassVar[list[str]] = []
        hang = threading.Event()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield _Here(Handler, server.server_address[1])
    finally:
        Handler.hang.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def here() -> Iterator[_Here]:
    with _serving() as place:
        for name, answer in ANSWERS.items():
            place.says(name, answer)
        yield place


def look(place: _Here, *names: str, environ: dict[str, str] | None = None) -> Discovered:
    return discover(environ or {}, sources=place.sources(*names), within=10)


def checked(text: str) -> Report:
    return inspect([PolicyFile("p.yaml", text.encode())], today=DAY)


SOME_KEYS = [
    (),
    *((key,) for key in KEYS),
    ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"),
    ("GROQ_API_KEY", "OPENROUTER_API_KEY"),
    KEYS,
]


@pytest.mark.parametrize("keys", SOME_KEYS, ids=["+".join(k)[:40] or "none" for k in SOME_KEYS])
def test_what_is_found_makes_a_policy_without_findings(here: _Here, keys: tuple[str, ...]) -> None:
    for size in range(len(ANSWERS) + 1):
        for names in combinations(ANSWERS, size):
            found = look(here, *names, environ=dict.fromkeys(keys, "a-value-nobody-may-see"))
            assert [server.kind for server in found.servers] == list(names)
            assert found.keys == tuple(keys)
            text = compose(found, catalog(), DAY)
            report = checked(text)
            assert report.findings == (), text
            policy = report.policy
            assert policy is not None
            assert policy.models
            paid = [model for model in policy.models if not model.free]
            assert ("\nbudgets:" in text) == bool(paid)
            assert "a-value-nobody-may-see" not in text
            for model in policy.models:
                assert ("local" in model.tags) == (model.api_base is not None)


def test_models_are_called_as_litellm_calls_them(here: _Here) -> None:
    policy = checked(compose(look(here, *ANSWERS), catalog(), DAY)).policy
    assert policy is not None
    assert {m.name: (m.provider_model, m.api_base, m.tier, m.context) for m in policy.models} == {
        "llama3.2": ("ollama_chat/llama3.2:latest", f"{here.root}/ollama", "light", 4000),
        "qwen2.5:72b-instruct": (
            "ollama_chat/qwen2.5:72b-instruct", f"{here.root}/ollama", "heavy", 4000,
        ),
        "qwen3.5-9b": ("lm_studio/qwen/qwen3.5-9b", f"{here.root}/lmstudio/v1", "light", 4000),
        "Qwen2.5-32B-Instruct": (
            "hosted_vllm/Qwen/Qwen2.5-32B-Instruct", f"{here.root}/vllm/v1", "standard", 32_768,
        ),
    }  # fmt: skip


def test_private_data_stays_when_there_is_a_choice(here: _Here) -> None:
    text = compose(look(here, "ollama", environ={"OPENAI_API_KEY": "x"}), catalog(), DAY)
    policy = checked(text).policy
    assert policy is not None
    (rule,) = policy.rules
    assert rule.only == ("llama3.2", "qwen2.5:72b-instruct")
    assert "not listed: gpt-oss:120b-cloud of ollama is answered elsewhere" in text


def test_names_are_unique_and_no_selectors() -> None:
    models = tuple(
        ServedModel(name)
        for name in ("free", "a/local", "b/local", "HEAVY", "x/m", "y/m", "z/m", "...", "n" * 119)
    )
    servers = (
        Server("ollama", "http://127.0.0.1:1", models),
        Server("vllm", "http://[::1]:2", models),
    )
    report = checked(compose(Discovered(servers), catalog(), DAY))
    assert report.findings == ()
    assert report.policy is not None
    assert len(report.policy.models) == 16


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"<html>hello</html>", b"[]", b"null", b"7", b"{}", b'{"data": null}',
        b'{"data": [1], "models": [1]}', b'{"data": [{}], "models": [{}]}',
        b'{"data": [{"id": 7}], "models": [{"name": 7}]}', b'{"data": [], "models": []}',
        b'{"data": [{"id": "a b"}], "models": [{"name": "x\\ny: z"}]}', b"\xff\xfe", b"[" * 100_000,
    ],
)  # fmt: skip
def test_other_servers_are_passed_over(here: _Here, answer: bytes) -> None:
    for name in ANSWERS:
        here.says(name, answer)
    assert look(here, *ANSWERS).servers == ()


@pytest.mark.parametrize("status", [204, 301, 401, 403, 500])
def test_refusals_are_passed_over(here: _Here, status: int) -> None:
    here.says("vllm", b"" if status == 204 else VLLM, status, location=f"{here.root}/ollama/x")
    assert look(here, "vllm").servers == ()


def test_a_list_without_end_is_not_read_to_the_end(here: _Here) -> None:
    names = [{"id": f"model-{number}"} for number in range(300_000)]
    here.says("vllm", {"data": names})
    assert look(here, "vllm").servers == ()
    here.says("vllm", {"data": names[:100_000]})
    assert len(look(here, "vllm").servers[0].models) == 100_000


def test_a_compressed_answer_is_not_unpacked(here: _Here) -> None:
    packed = gzip.compress(json.dumps(VLLM).encode())
    here.handler.answers["vllm"] = (200, packed, {"content-encoding": "gzip"})
    assert look(here, "vllm").servers == ()


def test_no_server_leads_us_elsewhere(here: _Here) -> None:
    here.says("vllm", b"", 302, location=f"{here.root}/lmstudio/v1/models")
    assert look(here, "vllm").servers == ()
    assert here.handler.asked[-1] != "/lmstudio/v1/models"
    assert "/lmstudio/v1/models" not in here.handler.asked


def test_no_proxy_is_asked(here: _Here, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert [server.kind for server in look(here, "vllm").servers] == ["vllm"]


def test_a_server_that_hangs_is_left_behind(here: _Here) -> None:
    here.says("slow", VLLM)
    sources = [replace(s, base=f"{here.root}/slow") for s in SOURCES]
    assert discover({}, sources=sources, within=0.2).servers == ()
    assert not here.handler.hang.is_set()


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("127.0.0.1", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),  # noqa: S104  what people set it to
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        (":8080", "http://127.0.0.1:8080"),
        ("localhost:1", "http://localhost:1"),
        ("http://localhost:1/", "http://localhost:1"),
        ("[::1]:5", "http://[::1]:5"),
        ("[::]:5", "http://127.0.0.1:5"),
        (" 127.0.0.1:7 ", "http://127.0.0.1:7"),
        ("gpu.internal", "http://gpu.internal:11434"),
    ],
)
def test_where_ollama_listens(host: str, base: str) -> None:
    assert ollama_base(host) == base


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("http://127.0.0.1:1", True),
        ("http://127.9.9.9:1", True),
        ("http://localhost:1", True),
        ("http://[::1]:1", True),
        ("http://10.0.0.1:1", False),
        ("http://localhost.example.com:1", False),
        ("http://127.0.0.1.example.com:1", False),
        ("http://user@example.com:1", False),
        ("http://127.0.0.1@example.com:1", False),
        ("file:///etc/passwd", False),
        ("http://[bad", False),
        ("", False),
    ],
)
def test_only_this_machine_is_asked(base: str, expected: bool) -> None:
    assert finding.is_loopback(base) is expected
    if not expected:
        found = discover({}, sources=[replace(SOURCES[2], base=base)], within=5)
        assert found.servers == ()
        assert found.notes == (f"vllm was skipped: {base} is not on this machine",)


def test_ollama_host_moves_ollama(here: _Here) -> None:
    assert [source.base for source in SOURCES] == [
        "http://127.0.0.1:11434", "http://127.0.0.1:1234", "http://127.0.0.1:8000",
    ]  # fmt: skip
    here.says("api", OLLAMA)
    environ = {"OLLAMA_HOST": f"127.0.0.1:{here.port}"}
    (server,) = discover(environ, sources=here.sources(), within=10).servers
    assert (server.kind, server.base) == ("ollama", here.root)
    elsewhere = discover({"OLLAMA_HOST": "gpu.internal"}, sources=SOURCES[:1], within=5)
    assert elsewhere.notes == (
        "ollama was skipped: http://gpu.internal:11434 is not on this machine",
    )


@pytest.fixture
def alone(here: _Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder on a machine that has vLLM and nothing else."""
    sources = here.sources("vllm")

    def ask(environ: dict[str, str]) -> Discovered:
        return discover(environ, sources=sources, within=10)

    monkeypatch.setattr(finding, "discover", ask)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_init_writes_a_policy_that_works(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a-value-nobody-may-see")
    result = run("init")
    assert (result.code, result.out) == (0, "wrote policies/policy.yaml\n")
    assert "found vllm at http://127.0.0.1:" in result.err
    assert "found OPENAI_API_KEY in the environment\n" in result.err
    text = (alone / "policies" / "policy.yaml").read_text()
    assert "a-value-nobody-may-see" not in text + result.err
    assert run("check").code == 0
    routed = run("route", "hello", "--json").json
    assert routed["candidates"][0]["model"] == "Qwen2.5-32B-Instruct"


def test_a_dry_run_writes_nothing(alone: Path) -> None:
    result = run("init", "--dry-run")
    assert (result.code, result.err) == (0, "")
    assert checked(result.out).findings == ()
    assert list(alone.iterdir()) == []


def test_nothing_is_overwritten_unless_asked(alone: Path) -> None:
    path = alone / "mine.yaml"
    path.write_text("mine")
    result = run("init", path)
    assert (result.code, result.out) == (2, "")
    assert "--force" in result.err
    assert path.read_text() == "mine"
    assert run("init", path, "--dry-run").code == 0
    assert run("init", path, "--force").code == 0
    assert checked(path.read_text()).findings == ()


def test_a_name_that_would_not_be_read_is_not_written(alone: Path) -> None:
    result = run("init", "x\x1b[31m.yaml")
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        "error: the file name x\ufffd[31m.yaml has characters that cannot be shown: "
        "choose another\n"
    )
    assert list(alone.iterdir()) == []
    assert run("init", "x\x1b[31m").out == "wrote x\ufffd[31m/policy.yaml\n"
    assert run("check", "x\x1b[31m").code == 0


def test_two_policies_are_not_mixed(alone: Path) -> None:
    (alone / "policies").mkdir()
    (alone / "policies" / "other.yml").write_text("version: 1\n")
    result = run("init")
    assert (result.code, result.out) == (2, "")
    assert "policies holds other.yml" in result.err
    assert run("init", "elsewhere").out == "wrote elsewhere/policy.yaml\n"
    assert run("init", "policies/new.yaml").code == 0


@pytest.mark.parametrize("argv", [["f"], ["f/p.yaml"], ["f/x/p.yaml"]])
def test_a_place_that_cannot_be_written(alone: Path, argv: list[str]) -> None:
    (alone / "f").write_text("a file")
    result = run("init", *argv)
    assert (result.code, result.out) == (2, "")
    assert "cannot write f/" in result.err


def test_nothing_found_is_said(here: _Here, alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "discover", lambda _: look(here))
    result = run("init")
    assert result.code == 0
    assert "found no model server on this machine and no API key in the environment" in result.err
    text = (alone / "policies" / "policy.yaml").read_text()
    assert "ollama pull llama3.2" in text
    assert "  # haiku:" in text
    assert run("check").code == 0
    assert run("route").code == 0


def test_models_answered_elsewhere_are_nothing_here(here: _Here) -> None:
    here.says("ollama", {"models": [{"name": "gpt-oss:120b-cloud"}]})
    report = checked(compose(look(here, "ollama"), catalog(), DAY))
    assert report.findings == ()
    assert report.policy is not None
    assert [model.name for model in report.policy.models] == ["llama"]


def test_hosted_models_the_table_does_not_know_are_left_out() -> None:
    empty = Catalog({}, frozenset(), "no table")
    for keys in (("OPENAI_API_KEY",), KEYS):
        policy = checked(compose(Discovered(keys=keys), empty, DAY)).policy
        assert policy is not None
        assert all(model.free for model in policy.models)


def test_hosted_models_are_known_to_litellm() -> None:
    assert set(hosted_models()) == set(KEYS)
    for key, tiers in hosted_models().items():
        for tier, names in tiers:
            assert tier in TIERS
            for name in names:
                entry = catalog().find(name)
                assert entry is not None, f"{name} of {key} is not in the table"
                assert entry.price, name
                assert entry.context, name


def test_a_long_list_is_cut() -> None:
    models = tuple(ServedModel(f"m{number}") for number in range(30))
    text = compose(Discovered((Server("vllm", "http://127.0.0.1:1", models),)), catalog(), DAY)
    report = checked(text)
    assert report.findings == ()
    assert report.policy is not None
    assert len(report.policy.models) == 8
    assert "  # not listed: 22 more of vllm\n" in text


def priced(**days: str | None) -> Catalog:
    """A table of OpenAI's models, each with its last day."""
    rows: dict[str, dict[str, Any]] = {
        name.replace("_", "-").replace("gpt-5-", "gpt-5."): {
            "litellm_provider": "openai", "mode": "chat", "max_input_tokens": 128_000,
            "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06,
            **({"deprecation_date": day} if day else {}),
        }
        for name, day in days.items()
    }  # fmt: skip
    return Catalog(rows, frozenset({"openai"}), "test")


def chosen(table: Catalog, today: date = DAY) -> list[str]:
    """The models that OPENAI_API_KEY opens."""
    found = Discovered(keys=("OPENAI_API_KEY",))
    policy = inspect([PolicyFile("p.yaml", compose(found, table, today).encode())]).policy
    assert policy is not None
    return [m.provider_model.removeprefix("openai/") for m in policy.models if m.api_key_env]


def test_a_model_without_a_last_day_goes_before_one_that_goes_soon() -> None:
    soon = (DAY + timedelta(days=60)).isoformat()
    late = (DAY + timedelta(days=61)).isoformat()
    assert chosen(priced(gpt_5=soon, gpt_4o=None)) == ["gpt-4o"]
    assert chosen(priced(gpt_5=late, gpt_4o=None)) == ["gpt-5"]
    assert chosen(priced(gpt_5=None, gpt_4o=None)) == ["gpt-5"]
    assert chosen(priced(gpt_5="someday", gpt_4o=None)) == ["gpt-5"]


def test_of_models_that_all_go_soon_the_last_is_taken() -> None:
    days = [(DAY + timedelta(days=n)).isoformat() for n in (3, 9, -1)]
    assert chosen(priced(gpt_5=days[0], gpt_4_1=days[1], gpt_4o=days[2])) == ["gpt-5"]
    assert chosen(priced(gpt_5=days[0], gpt_4o=days[1])) == ["gpt-4o"]
    assert chosen(priced(gpt_5=DAY.isoformat())) == ["gpt-5"]


def test_a_key_that_opens_nothing_is_named() -> None:
    gone = priced(gpt_5=(DAY - timedelta(days=1)).isoformat())
    found = Discovered(keys=("OPENAI_API_KEY", "OPENROUTER_API_KEY"))
    text = compose(found, gone, DAY)
    assert "# Found: OPENROUTER_API_KEY.\n# OPENAI_API_KEY is set, but LiteLLM's table" in text
    text = compose(Discovered(keys=("OPENAI_API_KEY",)), gone, DAY)
    assert "# OPENAI_API_KEY is set, but" in text
    assert "# No model was found here." in text
    assert checked(text).findings == ()


def test_the_schema_is_written_beside_the_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    result = run("init", "team.yaml")
    assert result.code == 0
    first = (tmp_path / "team.yaml").read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=policy.schema.json"
    assert json.loads((tmp_path / "policy.schema.json").read_text()) == generate()
    assert "wrote policy.schema.json" in result.err
    (tmp_path / "policy.schema.json").write_text("{}")
    result = run("init", "team.yaml", "--force")
    assert (result.code, result.out) == (0, "wrote team.yaml\n")
    assert "another file has this name" in result.err
    assert (tmp_path / "policy.schema.json").read_text() == "{}"
