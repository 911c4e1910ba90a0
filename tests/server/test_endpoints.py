"""The endpoints besides those that answer: names, reload, health, metrics, and being mounted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import openai
from starlette.applications import Starlette
from starlette.routing import Mount

from policy_router import Router
from policy_router.events import Decided
from policy_router.observe.prometheus import PrometheusMetrics
from policy_router.server.app import ENDPOINTS, closes, create_app
from policy_router.server.identity.principal import Principal
from tests.server.serving import served

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from policy_router.events import Event
    from policy_router.providers.simulated import Simulated

HELLO = [{"role": "user", "content": "Hello!"}]
PAGE = Path(__file__).parents[2] / "docs" / "serve.md"


def test_the_page_lists_every_endpoint() -> None:
    rows = re.findall(r"^\| `([A-Z]+) (/\S*)` \| (\w+) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    expected = [(each.method, each.path, each.access.value) for each in ENDPOINTS]
    assert sorted(rows) == sorted(expected)


def test_the_document_describes_every_endpoint(address: str) -> None:
    described: dict[str, Any] = httpx.get(f"{address}/openapi.json").json()["paths"]
    found = {(method.upper(), path) for path, each in described.items() for method in each}
    assert found == {(each.method, each.path.replace(":path", "")) for each in ENDPOINTS}
    name = described["/v1/models/{name}"]["get"]["parameters"][0]
    assert (name["name"], name["in"]) == ("name", "path")
    assert "security" in described["/metrics"]["get"]
    assert "security" not in described["/healthz"]["get"]
    assert "requestBody" in described["/v1/route"]["post"]
    assert "requestBody" not in described["/-/reload"]["post"]


def test_names_of_models_in_openais_shape(address: str) -> None:
    client = openai.OpenAI(base_url=f"{address}/v1", api_key="none")
    ids = [model.id for model in client.models.list()]
    assert ids == ["auto", "auto:chat", "auto:code", "fast", "small", "big"]
    assert client.models.retrieve("auto:code").id == "auto:code"
    listed: dict[str, Any] = httpx.get(f"{address}/v1/models/small").json()
    assert listed["context_length"] == 8_000
    unknown = httpx.get(f"{address}/v1/models/smal")
    assert unknown.status_code == 404
    assert "did you mean `small`?" in unknown.json()["error"]["message"]


def test_reload(router: Router, policy_file: Path, address: str) -> None:
    before = router.policy.revision
    text = policy_file.read_text()
    policy_file.write_text(
        text.replace("name: team", "name: team\ndescription: x").replace("8k", "9k")
    )
    answer = httpx.post(f"{address}/-/reload")
    assert answer.status_code == 200
    assert answer.json()["revision"] == router.policy.revision != before
    policy_file.write_text(text.replace("tier: light", "teir: light"))
    refused = httpx.post(f"{address}/-/reload")
    assert refused.status_code == 422
    assert "did you mean `tier`?" in refused.json()["errors"][0]
    assert refused.json()["revision"] == answer.json()["revision"]


def test_health_says_nothing(address: str) -> None:
    assert httpx.get(f"{address}/healthz").text == "ok\n"
    assert httpx.get(f"{address}/readyz").text == "ready\n"
    root = httpx.head(address)
    assert (root.status_code, root.content) == (200, b"")
    assert "server" not in root.headers


def test_metrics(policy_file: Path, provider: Simulated) -> None:
    metrics = PrometheusMetrics()
    with Router.open(policy_file, watch="off", on_event=metrics) as router:
        metrics.follow(router)
        app = create_app(router, metrics=metrics, lifespan=closes(router))
        with served(app) as address:
            httpx.post(f"{address}/v1/chat/completions", json={"messages": HELLO})
            answer = httpx.get(f"{address}/metrics")
            assert answer.headers["content-type"].startswith("text/plain")
            assert 'policy_router_attempts_total{model="small"' in answer.text


def test_mounted_in_another_application(router: Router) -> None:
    outer = Starlette(routes=[Mount("/llm", create_app(router))], lifespan=closes(router))
    with served(outer) as address:
        client = openai.OpenAI(base_url=f"{address}/llm/v1", api_key="none")
        answer = client.chat.completions.create(
            model="auto", messages=[{"role": "user", "content": "Hello!"}]
        )
        assert answer.choices[0].message.content == "from small"
        assert httpx.get(f"{address}/v1/models").status_code == 404


def test_a_program_says_who_calls(policy_file: Path, provider: Simulated) -> None:
    events: list[Event] = []

    def identify(connection: HTTPConnection) -> Principal:
        return Principal(name="web", tenant=connection.headers["x-tenant"])

    with Router.open(policy_file, watch="off", on_event=events.append) as router:
        app = create_app(router, identify=identify, lifespan=closes(router))
        with served(app) as address:
            for tenant in ("a", "b"):
                httpx.post(
                    f"{address}/v1/chat/completions",
                    json={"messages": HELLO, "user": "x"},
                    headers={"x-tenant": tenant},
                ).raise_for_status()
            assert httpx.get(f"{address}/metrics", headers={"x-tenant": "a"}).status_code == 403
    requests = [event.decision.request for event in events if isinstance(event, Decided)]
    assert [(request.tenant, request.user) for request in requests] == [("a", None), ("b", None)]
