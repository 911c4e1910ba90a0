"""`diff`: policies and git revisions compared, in each format, with exit codes."""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from policy_router import Router
from policy_router.decision.decide import decide
from policy_router.domain.outcome import Role
from policy_router.domain.request import Request
from policy_router.journal.address import JournalAddress
from policy_router.loading import load
from policy_router.observe.records import record_of
from policy_router.providers.default_caller import DefaultCaller
from policy_router.server.app import closes, create_app
from policy_router.server.identity.key_ring import KeyRing
from policy_router.server.identity.keys import new_entry, new_key, store_keys
from tests.cli.run import run
from tests.journal.make import answered, write
from tests.server.serving import served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OLD = """version: 1
tags: [private]
tiers: [light, heavy]
models:
  small: { model: ollama_chat/a, tier: light, price: free, context: 8k, tags: [local] }
  cloud: { model: openai/x, tier: heavy, price: { input: $1/M, output: $4/M }, context: 100k }
budgets: { all: { cap: $50/month } }
prefer: [free]
rules:
  - { name: private stays, when: { tags: private }, only: [local] }
"""
WIDER = OLD.replace("tags: private }, only", "tags: private, stream: true }, only")
MORE_EXPENSIVE = OLD + "  - { name: the best, when: tokens < 5_000, first: [cloud] }\n"
REWRITTEN = OLD.replace("private stays", "private data", 1)
PROMISE = "invariants: [{ name: it stays, when: { tags: private }, never: [cloud] }]\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    texts = {"old": OLD, "wider": WIDER, "costlier": MORE_EXPENSIVE, "rewritten": REWRITTEN}
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    (tmp_path / "promised.yaml").write_text(OLD + PROMISE)
    (tmp_path / "broken.yaml").write_text(WIDER + PROMISE)
    return tmp_path


def test_equal_policies(files: Path) -> None:
    done = run("diff", files / "old.yaml", files / "rewritten.yaml", "--fail-on", "any")
    assert done.code == 0
    assert done.out == (
        "proved: both policies allow the same models in the same order for every request\n"
        "\n"
        "Changed in the files\n"
        "  rule `private stays` removed\n"
        "  rule `private data` added\n"
    )


def test_a_wider_policy(files: Path) -> None:
    done = run("diff", files / "old.yaml", files / "wider.yaml")
    assert done.code == 0
    assert done.out.splitlines()[:7] == [
        "1 region of requests decided differently: 1 with more models",
        "",
        "rule `private stays`",
        "  where tag `private` and not `stream`",
        "    now also cloud",
        "    before: small",
        "    now:    small, cloud",
    ]
    command = next(line for line in done.out.splitlines() if "shown by" in line)
    arguments = command.partition("policy-router ")[2].split()
    for name, allowed in (("old", ["small"]), ("wider", ["small", "cloud"])):
        routed = run(*arguments, "-p", files / f"{name}.yaml", "--json").json
        assert [each["model"] for each in routed["candidates"]] == allowed


@pytest.mark.parametrize(
    ("new", "kind", "code"),
    [
        ("wider", "widens", 1),
        ("wider", "costs-more", 0),
        ("wider", "any", 1),
        ("costlier", "widens", 0),
        ("costlier", "costs-more", 1),
        ("rewritten", "widens", 0),
    ],
)
def test_what_fails(files: Path, new: str, kind: str, code: int) -> None:
    done = run("diff", files / "old.yaml", files / f"{new}.yaml", "--fail-on", kind)
    assert done.code == code


def test_a_promise_that_no_longer_holds(files: Path) -> None:
    done = run("diff", files / "promised.yaml", files / "broken.yaml", "--fail-on", "costs-more")
    assert done.code == 1
    assert "Promises that no longer hold\n  `it stays` (never)" in done.out


def test_markdown_for_a_pull_request(files: Path) -> None:
    out = run("diff", files / "old.yaml", files / "costlier.yaml", "--format", "markdown").out
    assert out.startswith("### Policy diff\n\n**1 region of requests decided differently")
    assert (
        "| tokens below 5,000 | rule `the best` | small, cloud ($0.00) | cloud, small ($0.0012) |"
    ) in out
    assert "policy-router route\n" in out


def test_json(files: Path) -> None:
    found = run("diff", files / "old.yaml", files / "wider.yaml", "--json").json
    assert sorted(found) == [
        "broken_promises", "costs_more", "doubts", "equal", "more", "new", "old", "regions",
        "rises", "schema_version", "settings", "traffic", "verdict", "widens",
    ]  # fmt: skip
    [region] = found["regions"]
    assert (region["gained"], region["lost"], region["reordered"]) == (["cloud"], [], False)
    assert region["request"] == {"tokens": 0, "tags": ["private"]}
    assert region["logged_requests"] is None


def test_logged_requests_weigh_regions(files: Path) -> None:
    policy = load(files / "old.yaml")
    log = files / "decisions.jsonl"
    requests = [Request(tokens=n) for n in (10, 4_000, 6_000)] + [Request(tags={"private"})]
    lines = [json.dumps(record_of(decide(policy, each), time=1.0)) for each in requests]
    log.write_text("\n".join(lines) + "\n")
    argv = ("diff", files / "old.yaml", files / "costlier.yaml", "--traffic", log)
    out = run(*argv).out
    assert "    2 of 4 logged requests (50.0%)\n" in out
    assert "  2 of 4 logged requests are decided differently\n" in out
    assert "share of free models: -50.00 points (" in out
    traffic = run(*argv, "--json").json["traffic"]
    assert (traffic["requests"], traffic["changed"], traffic["skipped"]) == (4, 2, 0)
    assert traffic["cost_usd"]["low"] < traffic["cost_usd"]["value"]
    assert "| 2 |" in run(*argv, "--format", "markdown").out
    log.write_text("{}\n")
    assert "line 1 of" in run(*argv).err


def test_outcomes_of_a_journal_weigh_regions(files: Path) -> None:
    url = f"sqlite:///{files}/outcomes.db"
    now = time.time()
    tokens = (10, 4_000, 6_000)
    rows = [answered(f"d{n}", at=now - 60, tokens_in=n, task=None) for n in tokens]
    old = answered("old", at=now - 9 * 86_400, tokens_in=10, task=None)
    judge = answered("d10", at=now - 60, role=Role.JUDGE, task=None)
    write(JournalAddress.parse(url), [*rows, old, judge])
    argv = ("diff", files / "old.yaml", files / "costlier.yaml", "--traffic", url)
    assert run(*argv, "--json").json["traffic"]["requests"] == 4
    week = run(*argv, "--json", "--since", "7d").json["traffic"]
    assert (week["requests"], week["changed"], week["skipped"]) == (3, 2, 0)
    missing = run(
        "diff", files / "old.yaml", files / "costlier.yaml", "--traffic", "sqlite:///no.db"
    )
    assert (missing.code, missing.out) == (2, "")
    assert "error: " in missing.err


@pytest.fixture
def repository(files: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(files)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    (files / "policies").mkdir()
    (files / "policies" / "a.yaml").write_text(OLD)
    (files / "policies" / "notes.txt").write_text("no policy")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for command in (["init", "-q"], ["add", "policies"], ["commit", "-qm", "one"]):
        subprocess.run([*git, *command], check=True, cwd=files, timeout=60)
    return files


def test_revisions_of_git(repository: Path) -> None:
    assert "proved" in run("diff").out
    (repository / "policies" / "a.yaml").write_text(WIDER)
    assert run("diff", "--fail-on", "widens").code == 1
    assert "proved" in run("diff", "HEAD:policies/a.yaml", "HEAD:./policies").out
    for revision, says in (
        ("HEAD:none", "cannot be read"),
        ("nowhere:policies", "cannot be read"),
        ("HEAD:policies/notes.txt", "error"),
    ):
        done = run("diff", revision, "policies")
        assert done.code in (1, 2)
        assert says in done.err


@pytest.fixture
def server(files: Path) -> Iterator[str]:
    """The address of a server that has the old policy live, whatever the file says since."""
    path = files / "live.yaml"
    path.write_text(OLD)
    with Router.open(path, watch="off") as router:
        path.write_text(MORE_EXPENSIVE)
        with served(create_app(router, lifespan=closes(router))) as address:
            yield address


def test_a_server_gives_what_it_has_live(server: str, files: Path) -> None:
    assert "proved" in run("diff", server, files / "rewritten.yaml", "--fail-on", "any").out
    wider = run("diff", server, files / "wider.yaml", "--fail-on", "widens")
    assert (wider.code, wider.err) == (1, "")
    assert "now also cloud" in wider.out
    assert "now also cloud" not in run("diff", files / "wider.yaml", server).out
    assert "proved" in run("diff", server, server).out


def test_a_server_of_several_files_and_a_folder(files: Path) -> None:
    folder = files / "policies"
    folder.mkdir()
    head, rules = OLD.split("rules:")
    (folder / "a.yaml").write_text(head)
    (folder / "b.yaml").write_text(f"version: 1\nrules:{rules}")
    with (
        Router.open(folder, watch="off") as router,
        served(create_app(router, lifespan=closes(router))) as address,
    ):
        assert "proved" in run("diff", address, folder, "--fail-on", "any").out
        found = run("diff", address, files / "costlier.yaml", "--json").json
        assert found["old"] == router.policy.revision


def test_a_server_with_keys_wants_one_of_an_administrator(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {"admin": new_key(), "caller": new_key()}
    stored = files / "keys.json"
    rows = [new_entry(name, key, {"admin": name == "admin"}) for name, key in keys.items()]
    store_keys(stored, rows)
    monkeypatch.setenv("ADMIN_KEY", keys["admin"])
    monkeypatch.setenv("CALLER_KEY", keys["caller"])
    with Router.open(files / "old.yaml", watch="off") as router:
        app = create_app(router, identify=KeyRing(stored), lifespan=closes(router))
        with served(app) as address:
            argv = ("diff", address, files / "rewritten.yaml")
            assert "proved" in run(*argv, "--key-env", "ADMIN_KEY").out
            for more, status in (((), 401), (("--key-env", "CALLER_KEY"), 403)):
                done = run(*argv, *more)
                assert (done.code, done.out) == (2, "")
                assert f"it refuses the key, or needs one ({status})" in done.err
    assert "`NO_SUCH_KEY` is not set" in run(*argv, "--key-env", "NO_SUCH_KEY").err
    plain = run("diff", "http://gateway.example.com", "--key-env", "ADMIN_KEY")
    assert "a key is not sent to `gateway.example.com` over plain http" in plain.err


def test_what_gives_no_policy(server: str, files: Path) -> None:
    told = run("diff", f"{server}/v1", files / "old.yaml")
    assert (told.code, told.out) == (2, "")
    assert "did not return its policy: it answers with the status 404" in told.err
    with (
        Router(load(files / "old.yaml"), DefaultCaller()) as router,
        served(create_app(router, lifespan=closes(router))) as address,
    ):
        assert "the status 404" in run("diff", address, files / "old.yaml").err
    secret = run("diff", "https://ada:s3cr3t@gateway.example.com", files / "old.yaml").err
    assert "the server did not return its policy: it contains credentials" in secret
    assert "s3cr3t" not in secret
    both = run("diff", "--live", files / "old.yaml", files / "wider.yaml")
    assert (both.code, both.out) == (2, "")
    assert "--live takes the place of OLD" in both.err


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {"revision": "r"},
        {"revision": "r", "files": []},
        {"revision": "r", "files": [1]},
        {"revision": "r", "files": [{"name": "a"}]},
    ],
)
def test_an_answer_that_is_no_policy(answer: object, files: Path) -> None:
    app = Starlette(routes=[Route("/-/policy", lambda _: JSONResponse(answer))])
    with served(app) as address:
        done = run("diff", address, files / "old.yaml")
    assert (done.code, done.out) == (2, "")
    assert "is not a policy-router server" in done.err


def test_a_server_that_reads_its_files_otherwise(files: Path) -> None:
    answer = {"revision": "0" * 64, "files": [{"name": "a.yaml", "text": OLD}]}
    broken = {**answer, "files": [{"name": "a.yaml", "text": "version: 1\nrulez: []\n"}]}
    for given, code, says in (
        (answer, 0, "the server compiled these files to another policy"),
        (broken, 1, "a.yaml:2:1"),
    ):
        app = Starlette(routes=[Route("/-/policy", lambda _, given=given: JSONResponse(given))])
        with served(app) as address:
            done = run("diff", address, files / "old.yaml")
        assert done.code == code
        assert says in done.err


def test_wrong_words(files: Path) -> None:
    assert "unknown value `nothing`" in run("diff", "--fail-on", "nothing").err
    assert "unknown value `xml`" in run("diff", "--format", "xml").err
    assert run("diff", files / "none.yaml", files / "old.yaml").code == 2
    (files / "bad.yaml").write_text("version: 1\nrulez: []\n")
    assert run("diff", files / "bad.yaml", files / "old.yaml").code == 1
