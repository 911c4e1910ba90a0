"""Reads a whole request, headers and body, in any of the dialects that clients use."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from policy_router.base_errors import UsageError
from policy_router.classification.body import FRAME, message_size, needs_beside, read_body
from policy_router.classification.detect.detector import kinds_in
from policy_router.classification.known_parts import unknown_part
from policy_router.classification.tokens.estimate import MESSAGE
from policy_router.classification.tokens.parts import pictures
from policy_router.clients.headers import usable
from policy_router.clients.program import UNKNOWN, read_program
from policy_router.conversation.blocks import is_plain
from policy_router.conversation.housekeeping import is_housekeeping, may_be_housekeeping
from policy_router.conversation.transcript import read_transcript
from policy_router.domain.dialect import Dialect
from policy_router.domain.request import UNBOUNDED
from policy_router.frozen import maker
from policy_router.quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from policy_router.clients.program import Program
    from policy_router.domain.detection import Sensitive

_PROMPT: Final = 300
"""Tokens of instructions that make a request with tools one of an agent."""
_TOOLBOX: Final = 8
"""Tools that make a request one of an agent, whatever its instructions."""
_INSTRUCTIONS: Final = ("system", "instructions")
"""Where bodies have instructions outside their messages."""
_CAPS: Final = ("max_completion_tokens", "max_tokens", "max_output_tokens")


@dataclass(frozen=True, slots=True)
class RequestReading:
    """What the headers and the body of a request say, the same for every dialect.

    Attributes:
        asked: The text that is judged: what a human asks. Never shown or logged.
        asked_turn: The number of the turn in which that was asked, from 1; 0 when none was found.
        asked_needs: Abilities that this turn alone needs.
        model: The model that the client asks for.
        session: The conversation, or the run of an agent, that the request belongs to.
        client: The program that sends the request.
        subagent: Whether an agent makes it on behalf of another agent.
        housekeeping: Whether a client makes it for itself, such as for the title of a conversation.
        turn: The number of its turn in the conversation, from 1; None when no human spoke.
        tool_errors: How many results of tools at the end of the conversation are errors.
        tool_results: Results of tools in the whole conversation.
        tokens: Estimate of the input tokens.
        context: Those of them that are in messages other than the one that is judged.
        needs: Abilities that a model must have.
        tools: Tools that are offered.
        agentic: Whether an agent makes the request, so that its tools are the same for any task.
        max_tokens: The cap on the tokens of one answer, if the client sets one.
        answers: How many answers are asked for.
        max_input_tokens: What the input tokens cannot exceed.
        pictures: Pictures in full detail, which are not part of `max_input_tokens`.
        thumbnails: Pictures in low detail, likewise.
        stream: Whether the answer is streamed.
        detected: Kinds of sensitive text in its messages, of those that were looked for.
        unknown_part: The first type of content that is unknown; None when all are known.
    """

    asked: str = field(default="", repr=False)
    asked_turn: int = 0
    asked_needs: frozenset[str] = frozenset()
    model: str | None = None
    session: str | None = None
    client: str | None = None
    subagent: bool = False
    housekeeping: bool = False
    turn: int | None = None
    tool_errors: int = 0
    tool_results: int = 0
    tokens: int = 0
    context: int = 0
    needs: frozenset[str] = frozenset()
    tools: int = 0
    agentic: bool = False
    max_tokens: int | None = None
    answers: int = 1
    max_input_tokens: int = 0
    pictures: int = 0
    thumbnails: int = 0
    stream: bool = False
    detected: frozenset[str] = frozenset()
    unknown_part: str | None = None


_new_reading: Final = maker(RequestReading)


def read_request(
    body: Mapping[str, object],
    *,
    headers: Mapping[str, str] | None = None,
    dialect: Dialect | str = Dialect.CHAT,
    detect: Collection[Sensitive] = (),
) -> RequestReading:
    """Read a whole request, as a client sends it.

    The result depends on the arguments alone. Any body is accepted: what is not valid in it is
    left out here, and refused by the provider.

    Args:
        body: The body, from JSON.
        headers: The HTTP headers; their names may be in any case. Anybody can send any header, so
            what is read from them can only order or exclude models.
        dialect: The format of the body: `chat`, `messages` or `responses`.
        detect: Kinds of sensitive text to look for, those of the policy; see `Policy.detect`.

    Returns:
        What the request says, and the text that is judged.

    Raises:
        UsageError: The dialect is unknown.
    """
    if not isinstance(dialect, Dialect):
        dialect = _dialect(dialect)
    name = "input" if dialect is Dialect.RESPONSES else "messages"
    given = body.get(name)
    if isinstance(given, str):
        body = {**body, name: [{"role": "user", "content": given}]}
    program = read_program(headers, body) if headers else None
    if dialect is Dialect.CHAT and not detect and (program is None or program.is_unlisted):
        reading = _of_one_text(body, program or UNKNOWN)
        if reading is not None:
            return reading
    if program is None:
        program = read_program(None, body)
    transcript = read_transcript(body, dialect, asks_last=program.client.asks_last)
    latest = transcript.asked()
    facts = read_body(body, dialect, judged=latest.message)
    in_full, in_low_detail = pictures(body.get(name))
    tools = program.tools
    needs = needs_beside(body)
    return _new_reading(
        asked=latest.text,
        asked_turn=latest.turn,
        asked_needs=facts.judged_needs,
        model=usable(body.get("model")),
        session=program.session,
        client=program.name,
        subagent=program.subagent,
        housekeeping=is_housekeeping(program, transcript, latest.text, has_format=facts.has_format),
        turn=transcript.turns or None,
        tool_errors=transcript.errors,
        tool_results=transcript.results,
        tokens=facts.tokens,
        context=max(0, facts.messages - facts.judged),
        needs=facts.needs | needs if needs else facts.needs,
        tools=tools,
        agentic=bool(program.client.name)
        or tools >= _TOOLBOX
        or (tools > 0 and facts.instructions >= _PROMPT),
        max_tokens=_cap(body),
        answers=_count(body.get("n")) or 1,
        max_input_tokens=facts.most,
        pictures=in_full,
        thumbnails=in_low_detail,
        stream=body.get("stream") is True,
        detected=kinds_in([body.get(part) for part in (name, *_INSTRUCTIONS)], detect)
        if detect
        else frozenset(),
        unknown_part=unknown_part(body, dialect),
    )


_INERT: Final = frozenset(
    {
        "messages", "model", "n", "stream", "frequency_penalty", "logit_bias", "logprobs",
        "presence_penalty", "reasoning_effort", "seed", "stop", "temperature", "top_logprobs",
        "top_p", "user", "verbosity", *_CAPS,
    }
)  # fmt: skip
"""Fields of a body that do not change what its text asks for, or how large it is."""
_TEXT: Final = {"role", "content"}
_WITH_PROMPT: Final = 2


def _of_one_text(body: Mapping[str, object], program: Program) -> RequestReading | None:
    """Read a chat body with one text of the user, after a system prompt or alone; None for others.

    Nothing but that text is looked at, so that a short question does not pay for what only the
    conversations of agents have. The result is the same.
    """
    messages = body.get("messages")
    if not isinstance(messages, list) or not 1 <= len(messages) <= _WITH_PROMPT:
        return None
    text = _text_of(messages[-1], "user")
    if text is None or not is_plain(text):
        return None
    for name, value in body.items():
        if value is not None and name not in _INERT:
            return None
    tokens, most = message_size(messages[-1], set())
    context = 0
    if len(messages) == _WITH_PROMPT:
        prompt = _text_of(messages[0], "system")
        if prompt is None or may_be_housekeeping(prompt):
            return None
        context, most_of_prompt = message_size(messages[0], set())
        context += MESSAGE
        most += most_of_prompt + FRAME
    return _new_reading(
        asked=text,
        asked_turn=1,
        model=usable(body.get("model")),
        session=program.session,
        client=program.name,
        subagent=program.subagent,
        turn=1,
        tokens=tokens + MESSAGE + context,
        context=context,
        max_tokens=_cap(body),
        answers=_count(body.get("n")) or 1,
        max_input_tokens=min(most + FRAME, UNBOUNDED),
        stream=body.get("stream") is True,
    )


def _text_of(message: object, role: str) -> str | None:
    """Return the text of a message that has nothing else, if it has this role."""
    if not isinstance(message, dict) or message.keys() != _TEXT or message["role"] != role:
        return None
    text = message["content"]
    return text if type(text) is str else None


def _dialect(name: str) -> Dialect:
    try:
        return Dialect(name)
    except ValueError:
        known = ", ".join(f"`{each}`" for each in Dialect)
        raise UsageError(f"`dialect` must be one of {known}, not `{quoted(name)}`") from None


def _cap(body: Mapping[str, object]) -> int | None:
    """Return the cap on the tokens of one answer, or None."""
    for name in _CAPS:
        cap = _count(body.get(name))
        if cap is not None:
            return cap
    return None


def _count(value: object) -> int | None:
    """Return a value that is a positive integer, or None."""
    return value if type(value) is int and value > 0 else None
