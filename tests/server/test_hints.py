"""What a caller can say about a request, which only narrows what the policy allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from policy_router import Router
    from policy_router.providers.simulated import Simulated

PATHS = ("/v1/chat/completions", "/v1/messages", "/v1/responses")
HELLO = [{"role": "user", "content": "Hello!"}]
BODY: dict[str, Any] = {"model": "auto", "messages": HELLO, "input": "Hello!", "max_tokens": 9}


def test_the_task_in_a_name_counts_where_an_alias_matches_the_name(
    policy_file: Path, address: str, router: Router
) -> None:
    policy_file.write_text(policy_file.read_text().replace('"gpt-*"', '"claude-*"'))
    router.reload()
    body = {**BODY, "model": "claude-auto:code"}
    decision = httpx.post(f"{address}/v1/route", json=body).json()
    assert (decision["task"], names(decision)) == ("code", ["big"])
    for name, status in (("claude-auto", 200), ("claude-3", 200), ("auto:cod", 404)):
        answer = httpx.post(f"{address}/v1/route", json={**BODY, "model": name})
        assert answer.status_code == status, name


def decided(address: str, **hints: object) -> dict[str, Any]:
    headers = {f"x-policy-router-{name.replace('_', '-')}": str(v) for name, v in hints.items()}
    answer = httpx.post(f"{address}/v1/route", json=BODY, headers=headers)
    assert answer.status_code == 200, answer.text
    by_field = httpx.post(f"{address}/v1/route", json={**BODY, "metadata": hints}).json()
    assert names(by_field) == names(answer.json())
    found: dict[str, Any] = answer.json()
    return found


def names(decision: dict[str, Any]) -> list[str]:
    return [each["model"] for each in decision["candidates"]]


def reasons(decision: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {s["model"]: (s["reason"], s["detail"]) for s in decision["skipped"]}


def test_without_hints_both_models_may_answer(address: str) -> None:
    assert names(decided(address)) == ["small", "big"]


@pytest.mark.parametrize("words", ["big", "heavy", "paid", "openai/big", "big,heavy"])
def test_only(address: str, words: str) -> None:
    decision = decided(address, only=words)
    assert names(decision) == ["big"]
    reason, detail = reasons(decision)["small"]
    assert reason == "only"
    assert detail.startswith("the request allows only `")


@pytest.mark.parametrize("words", ["small", "light", "free", "local"])
def test_avoid(address: str, words: str) -> None:
    decision = decided(address, avoid=words)
    assert names(decision) == ["big"]
    assert reasons(decision)["small"] == ("avoid", f"the request avoids `{words}`")


def test_min_tier(address: str) -> None:
    decision = decided(address, min_tier="heavy")
    assert names(decision) == ["big"]
    told = "below tier `heavy`, the `min_tier` of the request"
    assert reasons(decision)["small"] == ("tier", told)
    assert names(decided(address, min_tier="light")) == ["small", "big"]


def test_max_cost(address: str) -> None:
    assert names(decided(address, max_cost="0")) == ["small"]


def test_hints_do_not_open_what_the_policy_excludes(address: str) -> None:
    decision = decided(address, only="big", tags="private")
    assert names(decision) == []
    assert reasons(decision)["big"][0] == "only"
    headers = {"x-policy-router-only": "big", "x-policy-router-tags": "private"}
    answer = httpx.post(f"{address}/v1/chat/completions", json=BODY, headers=headers)
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("hint", "value", "told"),
    [
        ("min-tier", "hevy", "did you mean `heavy`?"),
        ("only", "locl", "did you mean `local`?"),
        ("avoid", "smal", "did you mean `small`?"),
        ("dry-run", "perhaps", "must be `true` or `false`"),
        ("deadline", "soon", "must be a number"),
    ],
)
def test_what_the_policy_does_not_know_is_refused(
    address: str, provider: Simulated, hint: str, value: str, told: str
) -> None:
    headers = {f"x-policy-router-{hint}": value}
    answer = httpx.post(f"{address}/v1/chat/completions", json=BODY, headers=headers)
    assert answer.status_code == 400
    assert told in answer.json()["error"]["message"]
    assert not provider.requests


@pytest.mark.parametrize("path", [*PATHS, "/v1/embeddings"])
def test_a_tag_counts_wherever_it_is_stated(address: str, path: str) -> None:
    for place in range(3):
        tags = ["batch", "night", "late"]
        tags[place] = "private"
        headers = [("x-policy-router-tags", tags[0]), ("X-Policy-Router-Tags", tags[1])]
        body = {**BODY, "metadata": {"tags": [tags[2]], "dry_run": True}}
        decision = httpx.post(f"{address}{path}", json=body, headers=headers).json()
        assert decision["rules"] == ["private stays"]


@pytest.mark.parametrize(
    ("header", "value", "told"),
    [("needs", "tools", "does not support json, tools"),
     ("avoid", "free", "the request avoids `free`, `paid`")],
)  # fmt: skip
def test_needs_and_what_is_avoided_are_gathered(
    address: str, header: str, value: str, told: str
) -> None:
    body = {**BODY, "metadata": {"needs": "json", "avoid": "paid"}}
    headers = {f"x-policy-router-{header}": value}
    decision = httpx.post(f"{address}/v1/route", json=body, headers=headers).json()
    assert names(decision) == []
    assert told in [detail for _, detail in reasons(decision).values()]


@pytest.mark.parametrize(
    ("header", "field", "status"),
    [
        (("only", "local"), {"only": "big"}, 400), (("only", "local"), {"only": "local"}, 200),
        (("max-cost", "0.50"), {"max_cost": 0.5}, 200), (("max-cost", "1"), {"max_cost": 2}, 400),
        (("session", "a"), {"session": "b"}, 400), (("session", "a"), {"mine": "b"}, 200),
    ],
)  # fmt: skip
def test_places_that_disagree_are_refused(
    address: str, header: tuple[str, str], field: dict[str, object], status: int
) -> None:
    headers = {f"x-policy-router-{header[0]}": header[1]}
    answer = httpx.post(f"{address}/v1/route", json={**BODY, "metadata": field}, headers=headers)
    assert answer.status_code == status, answer.text
    if status == 400:
        assert "state it once" in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", [*PATHS, "/v1/embeddings"])
@pytest.mark.parametrize(("task", "status"), [("chat", 400), ("code", 200)])
def test_a_task_in_the_name_and_another_in_a_hint_are_refused(
    address: str, path: str, task: str, status: int
) -> None:
    body = {**BODY, "model": "auto:code", "metadata": {"task": task, "dry_run": True}}
    answer = httpx.post(f"{address}{path}", json=body)
    assert answer.status_code == status, answer.text
    if status == 400:
        assert "state one task" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("typed", "meant"), [("tag", "tags"), ("max_cost", "max-cost"), ("explane", "explain")]
)
def test_a_mistyped_header_is_refused(address: str, typed: str, meant: str) -> None:
    answer = httpx.post(
        f"{address}/v1/route", json=BODY, headers={f"x-policy-router-{typed}": "private"}
    )
    assert answer.status_code == 400
    assert f"did you mean `x-policy-router-{meant}`?" in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [False, True])
def test_a_dry_run_decides_only(
    address: str, provider: Simulated, path: str, *, stream: bool
) -> None:
    body = {**BODY, "stream": stream}
    answer = httpx.post(f"{address}{path}", json=body, headers={"x-policy-router-dry-run": "true"})
    assert names(answer.json()) == ["small", "big"]
    assert answer.headers["x-policy-router-decision"] == answer.json()["id"]
    assert "x-policy-router-model" not in answer.headers
    by_field = httpx.post(f"{address}{path}", json={**body, "metadata": {"dry_run": True}})
    assert names(by_field.json()) == ["small", "big"]
    assert not provider.requests
    off = httpx.post(f"{address}{path}", json=body, headers={"x-policy-router-dry-run": "0"})
    assert off.headers["x-policy-router-model"] == "small"
