"""What a client is told that calls a path or a method which does not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.domain.dialect import Dialect
from policy_router.quoting import quoted
from policy_router.server.refusal import RefusedCallError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from starlette.exceptions import HTTPException
    from starlette.requests import Request

_VERSION: Final = "/v1"
_MESSAGES: Final = "/messages"
_OPENAI: Final = ("/chat/completions", "/responses", "/embeddings")
_ANTHROPIC: Final = "anthropic-version"
"""A header that Anthropic's clients send with every call."""
_WRONG_METHOD: Final = 405


def refusal_of(
    request: Request, problem: HTTPException, paths: Collection[str]
) -> RefusedCallError:
    """Return the refusal of a call for which there is no endpoint.

    Args:
        request: The call.
        problem: What is wrong with it: the path or the method.
        paths: The paths that there are.
    """
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    if problem.status_code == _WRONG_METHOD:
        headers = {name.lower(): value for name, value in (problem.headers or {}).items()}
        message = f"`{quoted(path)}` does not take {quoted(request.method)}"
        if "allow" in headers:
            message += f", only {headers['allow']}"
        return RefusedCallError(_WRONG_METHOD, "method_not_allowed", message, headers=headers)
    meant = _meant(path, paths)
    hint = f"; did you mean `{meant}`?" if meant else ": `/openapi.json` lists what there is"
    return RefusedCallError(404, "no_endpoint", f"there is no `{quoted(path)}`{hint}")


def _meant(path: str, paths: Collection[str]) -> str | None:
    """The path that differs only in slashes, in case, or in how often it says the version."""
    parts = [part for part in path.lower().split("/") if part]
    while parts[:2] == ["v1", "v1"]:
        del parts[0]
    plain = "/" + "/".join(parts)
    return next((each for each in (plain, _VERSION + plain) if each in paths), None)


def read_by_client(path: str, headers: Mapping[str, str]) -> Dialect:
    """Return the dialect in which a client reads errors where the endpoint does not say it.

    Args:
        path: The path that it called.
        headers: The headers of the call.
    """
    if _MESSAGES in path or (_ANTHROPIC in headers and not path.rstrip("/").endswith(_OPENAI)):
        return Dialect.MESSAGES
    return Dialect.CHAT
