"""The pages over HTTP: who sees them, what binds them, what each shows, and what is live."""

from __future__ import annotations

import asyncio
import base64
import gzip
import re
from functools import partial
from typing import TYPE_CHECKING

import httpx
import pytest

from policy_router import PolicyRouterError, Router
from policy_router.server.app import closes, create_app
from policy_router.server.identity.key_ring import KeyRing
from policy_router.server.identity.keys import new_entry, new_key, store_keys
from policy_router.server.ui.board import WATCHERS, Board, LiveRows
from policy_router.server.ui.browser import POLICY
from policy_router.server.ui.panels import PANELS
from policy_router.server.ui.stream import MOST
from policy_router.views.html.document import STATIC
from policy_router.views.html.markup import Markup
from tests.server.serving import served
from tests.views.html.seen import seen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MESSAGES = [{"role": "user", "content": "Hello!"}]
HELLO = {"model": "auto", "messages": MESSAGES}


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    """A client of a server without keys."""
    with httpx.Client(base_url=address, timeout=30) as client:
        yield client


def ask(client: httpx.Client, **fields: object) -> str:
    """Ask for an answer; returns the id of its decision."""
    answer = client.post("/v1/chat/completions", json={**HELLO, **fields})
    return answer.headers["x-policy-router-decision"]


@pytest.mark.parametrize("path", ["", *(f"/{kind.id}" for kind in PANELS)])
def test_each_page_is_whole_and_bound_to_this_server(client: httpx.Client, path: str) -> None:
    ask(client)
    page = client.get(f"/ui{path}")
    assert page.status_code == 200
    assert page.headers["content-security-policy"] == POLICY
    assert page.headers["cache-control"] == "no-store"
    lines = seen(page.text)
    assert "policy-router" in lines
    assert not re.search(r"<(style|script)>| style=| on\w+=", page.text)
    for name in re.findall(r'(?:src|href)="(/ui/static/[^"]+)"', page.text):
        assert client.get(name).status_code == 200


def test_everything_that_a_page_loads_is_small(client: httpx.Client) -> None:
    sizes = [len(gzip.compress(client.get(f"/ui/static/{name}").content)) for name in STATIC]
    assert sum(sizes) + len(gzip.compress(client.get("/ui").content)) < 60_000


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/ui/nothing", 404), ("GET", "/ui/part/nothing", 404),
        ("GET", "/ui/static/secret.py", 404), ("GET", "/ui/policy?file=/etc/passwd", 404),
        ("GET", "/ui/decisions/unknown", 404), ("POST", "/ui/live", 405),
        ("GET", "/ui/static/..%2f..%2fmarkup.py", 404),
    ],
)  # fmt: skip
def test_what_is_not_there(client: httpx.Client, method: str, path: str, status: int) -> None:
    assert client.request(method, path).status_code == status


def test_a_decision_shows_what_explain_shows(client: httpx.Client) -> None:
    decision = ask(client, metadata={"tags": ["private"]})
    live = client.get("/ui/live")
    assert f"/ui/decisions/{decision}" in live.text
    lines = seen(client.get(f"/ui/decisions/{decision}").text)
    assert "served by | small" in lines
    assert any(line.startswith("+ private stays") for line in lines)
    assert "Not used" in lines
    part = client.get(f"/ui/decisions/{decision}", params={"part": 1})
    assert "<!doctype" not in part.text
    assert "served by" in part.text


def test_an_invalid_request_is_shown_with_its_mistake(client: httpx.Client, router: Router) -> None:
    with pytest.raises(PolicyRouterError):
        asyncio.run(router.acompletion(MESSAGES, task="unknown"))
    row = re.search(r"/ui/decisions/[^\"]+", client.get("/ui/live").text)
    assert row is not None
    assert "The request is invalid" in client.get(row[0]).text


def test_the_filter_is_in_the_address(client: httpx.Client) -> None:
    plain, code = ask(client), ask(client, metadata={"task": "code"})
    shown = client.get("/ui/live", params={"task": "code"}).text
    assert code in shown
    assert plain not in shown
    assert '<option value="code" selected>' in shown


def test_a_place_in_the_policy(client: httpx.Client, policy_file: Path) -> None:
    page = client.get("/ui/policy", params={"file": str(policy_file), "line": 4})
    assert re.search(r'id="L4" class="hit"><span[^>]*> 4  </span>models:', page.text)


def test_a_reload_is_shown_with_what_it_moved(client: httpx.Client, policy_file: Path) -> None:
    decision = ask(client)
    text = policy_file.read_text()
    policy_file.write_text(text.replace("prefer: [free]", "prefer: [quality]"))
    assert client.post("/-/reload").status_code == 200
    page = " ".join(seen(client.get("/ui/reloads").text))
    assert "of the latest 1 requests, 1 would begin with another model" in page
    assert "served by | small" in seen(client.get(f"/ui/decisions/{decision}").text)
    policy_file.write_text("version: 2")
    client.post("/-/reload")
    assert "newer files refused" in client.get("/ui").text
    assert "reload refused" in " ".join(seen(client.get("/ui/reloads").text))


TRIED = [
    ({"text": "Hello!"}, "small"),
    ({"text": "Hello!", "task": "code"}, "big"),
    ({"text": "Hello!", "tags": "secret"}, "Denied: not with us"),
    ({"text": '{"model": "fast", "messages": [{"role": "user", "content": "x"}]}'}, "alias fast"),
    ({"text": "Hello!", "team": "core"}, "team"),
    ({"text": "{broken"}, "the body is not JSON"),
    ({"text": "Hello!", "task": "unknown"}, "unknown"),
    ({"text": ""}, "small"),
]


@pytest.mark.parametrize(("form", "expected"), TRIED)
def test_a_request_that_is_tried_is_sent_nowhere(
    client: httpx.Client, router: Router, form: dict[str, str], expected: str
) -> None:
    page = client.post("/ui/try", data=form)
    assert page.status_code == 200
    assert expected in " ".join(seen(page.text))
    part = client.post("/ui/try?part=1", data=form)
    assert "<!doctype" not in part.text
    assert "/ui/decisions/" not in client.get("/ui/part/live").text  # no request has ended


def test_no_other_site_sends_the_form(client: httpx.Client) -> None:
    sent = {"text": "Hello!"}
    theirs = client.post("/ui/try", data=sent, headers={"origin": "http://localhost:1"})
    assert theirs.status_code == 403
    mine = client.post("/ui/try", data=sent, headers={"origin": str(client.base_url).rstrip("/")})
    assert mine.status_code == 200
    assert client.post("/ui/try", content=b"\xff").status_code == 400


# -- who sees them -------------------------------------------------------------------------------


def test_a_browser_sends_the_key_of_an_administrator(policy_file: Path, tmp_path: Path) -> None:
    admin, user = new_key(), new_key()
    path = tmp_path / "keys.json"
    store_keys(path, [new_entry("admin", admin, {"admin": True}), new_entry("user", user, {})])
    with Router.open(policy_file, watch="off") as router:
        app = create_app(router, identify=KeyRing(path), lifespan=closes(router))
        with served(app) as address, httpx.Client(base_url=address) as client:

            def status(url: str, key: str, name: str = "whoever") -> int:
                return client.get(url, auth=(name, key)).status_code

            assert status("/ui", admin) == 200
            assert status("/ui/static/page.js", admin) == 200
            assert status("/ui", user) == 403
            assert status("/ui", "wrong") == 401
            assert client.get("/ui").headers["www-authenticate"].startswith("Basic realm=")
            broken = {"authorization": "Basic !!"}
            assert client.get("/ui", headers=broken).status_code == 401
            # What a browser sends by itself opens nothing else.
            assert status("/metrics", admin) == 401
            basic = base64.b64encode(f":{admin}".encode()).decode()
            chat = client.post(
                "/v1/chat/completions", json=HELLO, headers={"authorization": f"Basic {basic}"}
            )
            assert chat.status_code == 401
            for origin in ("http://[", "null", "", "http://localhost:1"):
                theirs = client.post("/ui/try", auth=("", admin), headers={"origin": origin})
                assert theirs.status_code == 403


def test_a_mounted_application_has_its_pages_below_its_address(router: Router) -> None:
    from starlette.applications import Starlette
    from starlette.routing import Mount

    app = Starlette(routes=[Mount("/llm", create_app(router))])
    with served(app) as address:
        page = httpx.get(f"{address}/llm/ui").text
        assert 'href="/llm/ui/static/page.css"' in page
        assert not re.search(r'(src|href|data-\w+)="/ui', page)


# -- what is live --------------------------------------------------------------------------------


def test_the_headers_of_the_stream_are_not_the_stream(client: httpx.Client) -> None:
    for _ in range(WATCHERS + 1):
        head = client.head("/ui/events")
        assert head.status_code == 200
        assert head.headers["content-type"].startswith("text/event-stream")


class Stream:
    """Events of a stream, by their names."""

    def __init__(self, answer: httpx.Response) -> None:
        self._lines = answer.iter_lines()

    def next(self) -> tuple[str, str]:
        """The next event but for the numbers of the hour, and its data."""
        name, data = "", []
        for line in self._lines:
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                data.append(line.removeprefix("data: "))
            elif not line and name:
                if name != "pulse":
                    return name, "\n".join(data)
                name, data = "", []
        raise AssertionError("the stream has ended")


def test_decisions_are_streamed_as_they_are_made(client: httpx.Client) -> None:
    with client.stream("GET", "/ui/events?task=code") as answer:
        assert answer.headers["content-security-policy"] == POLICY
        stream = Stream(answer)
        assert stream.next()[0] == "begin"
        hidden, shown = ask(client), ask(client, metadata={"task": "code"})
        name, rows = stream.next()
        assert (name, shown in rows, hidden in rows) == ("rows", True, False)


def test_more_than_can_be_shown_is_only_counted(client: httpx.Client, router: Router) -> None:
    with client.stream("GET", "/ui/events") as answer:
        stream = Stream(answer)
        stream.next()

        async def many() -> None:
            await asyncio.gather(*(router.acompletion(MESSAGES) for _ in range(3 * MOST)))

        asyncio.run(many())
        told: dict[str, int] = {"rows": 0, "more": 0}
        while sum(told.values()) < 3 * MOST:
            name, data = stream.next()
            told[name] += data.count("<tr") if name == "rows" else int(data)
        assert told["rows"] + told["more"] == 3 * MOST
        assert told["rows"] <= 2 * MOST


def test_what_browsers_want_alike_is_made_once(router: Router) -> None:
    board = Board.of(router)
    made: list[str] = []

    def rows(wanted: str) -> LiveRows:
        made.append(wanted)
        return LiveRows(board.recent.last, ((0.0, wanted),), 0)

    def tick() -> list[str]:
        wanted = ("all", "all", "code", "all")
        return [board.rows(each, partial(rows, each)).rows[0][1] for each in wanted]

    assert tick() == tick() == ["all", "all", "code", "all"]
    assert made == ["all", "code"]
    router.completion(MESSAGES)
    tick()
    assert made == ["all", "code"] * 2


def test_models_show_the_calls_of_the_journal_while_learning_is_off(
    policy_file: Path, tmp_path: Path
) -> None:
    journal = f"sqlite:///{tmp_path / 'journal.db'}"
    with (
        Router.open(policy_file, watch="off", journal=journal) as router,
        served(create_app(router)) as address,
        httpx.Client(base_url=address, timeout=30) as client,
    ):
        model = client.post("/v1/chat/completions", json=HELLO).headers["x-policy-router-model"]
        ask(client)
        assert router.journal is not None
        router.journal.flush()
        lines = seen(client.get("/ui/models").text)
    rows = {line.split(" | ")[0]: line.split(" | ") for line in lines if " | ok | " in line}
    assert {name: "2" in row for name, row in rows.items()} == {
        name: name == model for name in ("small", "big")
    }
    assert any(
        line.startswith("Calls of 30 days, from the journal. The policy's learning is off")
        for line in lines
    )


def test_only_so_many_follow(router: Router) -> None:
    board = Board.of(router)
    board.watching = WATCHERS
    from policy_router.server.readiness import Readiness
    from policy_router.server.refusal import RefusedCallError
    from policy_router.server.ui.panel_call import PanelCall
    from policy_router.server.ui.stream import follow_decisions

    wanted = PanelCall(router, board, "/ui", {}, brief=False)
    with pytest.raises(RefusedCallError, match="follow the decisions already"):
        follow_decisions(wanted, Readiness())


def test_a_panel_is_made_once_for_all_who_ask(router: Router) -> None:
    now = [0.0]
    board = Board(Board.of(router).recent, clock=lambda: now[0])
    made = []

    async def make() -> Markup:
        made.append(now[0])
        await asyncio.sleep(0)
        return Markup(str(now[0]))

    async def ask_at(*moments: float) -> list[str]:
        answers = []
        for moment in moments:
            now[0] = moment
            answers += await asyncio.gather(*(board.made("rules", 10.0, make) for _ in range(3)))
        return [str(answer) for answer in answers]

    assert asyncio.run(ask_at(0.0, 9.0, 10.0)) == ["0.0"] * 6 + ["10.0"] * 3
    assert made == [0.0, 10.0]
