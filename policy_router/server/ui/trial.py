"""Decides a request that somebody typed or pasted, and sends nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from policy_router.base_errors import PolicyRouterError
from policy_router.domain.aliases import ANY_MODEL
from policy_router.domain.dialect import Dialect
from policy_router.server.identity.principal import LOCAL_USER
from policy_router.server.incoming import read_body, read_json
from policy_router.server.reading import call_of_body
from policy_router.server.refusal import RefusedCallError
from policy_router.views import explanation as explanation_view
from policy_router.views.html.blocks import blocks
from policy_router.views.html.markup import element, join

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.decision.policy import Policy
    from policy_router.server.call import HttpCall
    from policy_router.views.html.markup import Markup

_HINTS: Final = ("task", "complexity", "tags", "needs", "session")
_IDENTITY: Final = ("tenant", "team", "user")
_FIELDS: Final = ("model", *_HINTS, *_IDENTITY)
_WORDS: Final[Mapping[str, str]] = {
    "tags": "private, batch",
    "complexity": "0.4 or a band",
    "needs": "tools, vision",
}


def trial_form(policy: Policy, base: str, filled: Mapping[str, str]) -> Markup:
    """Return the form.

    Args:
        policy: The policy, whose tasks and models can be chosen.
        base: The address of the page of all panels.
        filled: What its fields hold.
    """
    choices = {
        "model": [ANY_MODEL, *(m.name for m in policy.models), *(a.name for a in policy.aliases)],
        "task": ["", *(task.name for task in policy.tasks)],
    }
    fields = [_field(name, filled.get(name, ""), choices.get(name)) for name in _FIELDS]
    text = element(
        "label",
        "a prompt, or the JSON body of a chat completion",
        element("textarea", filled.get("text", ""), name="text", spellcheck="false", rows=5),
        class_="whole",
    )
    return element(
        "form",
        text,
        *fields,
        element("button", "decide", class_="primary"),
        class_="filter",
        id="trial",
        method="post",
        action=f"{base}/try",
    )


def _field(name: str, value: str, choices: list[str] | None) -> Markup:
    if choices is None:
        box = element("input", name=name, value=value or None, placeholder=_WORDS.get(name))
        return element("label", name, box)
    options = (
        element("option", each or "any", value=each, selected=each == value) for each in choices
    )
    return element("label", name, element("select", *options, name=name))


async def read_form(call: HttpCall) -> dict[str, str]:
    """Return the fields of the form that a call sends.

    Raises:
        RefusedCallError: The body is not taken.
        ClientDisconnect: The client closed the connection.
    """
    body = await read_body(call.request, call.settings)
    try:
        return dict(parse_qsl(body.decode(), max_num_fields=32, strict_parsing=False))
    except (UnicodeDecodeError, ValueError):
        raise RefusedCallError(400, "invalid_form", "the form cannot be read") from None


async def decided_trial(call: HttpCall, form: Mapping[str, str]) -> Markup:
    """Return the decision on a request, with everything that led to it; mistakes as text.

    Args:
        call: The call.
        form: The fields of the form.
    """
    try:
        wanted = call_of_body(
            replace(call, principal=LOCAL_USER),
            Dialect.CHAT,
            _body(call, form),
            without_messages=True,
        )
        for name in _IDENTITY:
            if form.get(name):
                wanted.options[name] = form[name]
        explanation = await call.router.aexplain(
            wanted.messages, stream=wanted.request.stream, **wanted.options
        )
    except PolicyRouterError as error:
        return element("p", str(error), class_="bad-text", role="alert")
    lines = explanation_view.as_lines(explanation, "active")
    sent = element("p", "Nothing was sent to a model, and nothing was charged.", class_="note")
    return join([sent, blocks(lines, caption="explanation")])


def _body(call: HttpCall, form: Mapping[str, str]) -> dict[str, Any]:
    """Return the body of a chat completion: the pasted one, or one with the typed prompt."""
    text = form.get("text", "")
    body: dict[str, Any] = {}
    if text.lstrip().startswith("{"):
        body = read_json(text.encode(), call.settings)
    elif text.strip():
        body = {"messages": [{"role": "user", "content": text}]}
    if form.get("model") or not body.get("model"):
        body["model"] = form.get("model") or ANY_MODEL
    hints = {name: form[name] for name in _HINTS if form.get(name)}
    if hints:
        stated = body.get("metadata")
        body["metadata"] = {**(stated if isinstance(stated, dict) else {}), **hints}
    return body
