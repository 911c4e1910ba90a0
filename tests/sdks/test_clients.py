"""Official clients, unmodified, talk to the server over upstreams of every dialect.

The SDKs of the development environment always run. `make clients` installs the newest releases
that it pins, with LangChain, pydantic-ai, OpenAI's agents and the SDKs for Node; where they are
missing, their tests are skipped and say so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sdks.clients import CLIENTS, EVERY, FOLDER, LIMIT, SAW, Client, run
from tests.sdks.model import UPSTREAMS, offered

if TYPE_CHECKING:
    from pathlib import Path

DEVELOPMENT = [
    pytest.param(client, id=f"{client.name}-{client.dialect}")
    for client in CLIENTS
    if client.in_development
]
INSTALLED = [
    pytest.param(
        client,
        id=f"{client.name}-{client.dialect}",
        marks=pytest.mark.skipif(
            not client.installed, reason=f"{client.name} is not in {FOLDER}: see `make clients`"
        ),
    )
    for client in CLIENTS
]


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys of the simulated providers."""
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, "none")


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("client", DEVELOPMENT)
def test_the_sdks_of_the_development_environment(
    client: Client, upstream: str, tmp_path: Path
) -> None:
    with offered(tmp_path, upstream) as url:
        expect(run(client, tmp_path, url, development=True))


@pytest.mark.timeout(LIMIT + 60)
@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("client", INSTALLED)
def test_the_newest_clients(client: Client, upstream: str, tmp_path: Path) -> None:
    with offered(tmp_path, upstream) as url:
        expect(run(client, tmp_path, url))


def expect(saw: dict[str, object]) -> None:
    """Every check was made, and each saw what it must."""
    assert saw.keys() >= EVERY
    assert saw == {check: SAW[check] for check in saw}
