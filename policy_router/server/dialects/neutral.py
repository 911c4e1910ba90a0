"""The neutral form of requests and of the metadata of answers, the same for every dialect."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.domain.dialect import Dialect


@dataclass(frozen=True, slots=True)
class ClientTool:
    """A tool as its client knows it, where that differs from what a model sees.

    Attributes:
        name: The client's name of the tool.
        namespace: The group that it is in, as Codex sends them; empty when it is in none.
        is_custom: Whether its input is free text, which a model has to put into an object.
    """

    name: str
    namespace: str = ""
    is_custom: bool = False


@dataclass(frozen=True, slots=True)
class NeutralRequest:
    """A request in the chat format, with what is needed to answer in the client's dialect.

    Attributes:
        dialect: The format of the request, in which it is answered.
        model: The model, alias or task that the client asked for; empty when it named none.
        stream: Whether the client wants a stream.
        body: The parameters in OpenAI's chat format, without `model` and `stream`.
        wants_usage: Whether the client wants the usage at the end of a stream.
        wants_thoughts: Whether the client wants reasoning back that only its model can read.
        tools: The tools whose form differs for models, by the name that models see.
        dropped: Fields and tools that the chat format leaves out, by their path.
        needs_original: Why only a model that gets the client's own body can answer, as sentences;
            empty where every model can.
        repeated: Fields that the answer repeats, where the dialect has that.
    """

    dialect: Dialect
    model: str
    stream: bool
    body: Mapping[str, Any]
    wants_usage: bool = False
    wants_thoughts: bool = False
    tools: Mapping[str, ClientTool] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    needs_original: tuple[str, ...] = ()
    repeated: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def client_tool(self, name: str) -> ClientTool:
        """The tool that a model calls by this name."""
        return self.tools.get(name) or ClientTool(name)


@dataclass(frozen=True, slots=True)
class Envelope:
    """The metadata of an answer.

    Attributes:
        id: The id of the answer, without the prefix of a dialect: letters and digits.
        model: The name under which the model that answered is shown to the client.
        created: When the answer began, in Unix seconds.
        origin: Whose reasoning it contains, as `providers.thoughts.origin_of` names it; empty when
            that is unknown.
    """

    id: str
    model: str
    created: int
    origin: str = ""

    def call_id(self, number: int) -> str:
        """An id for the answer's tool call of this number, where the provider gave none."""
        return f"call_{self.id}_{number}"


@dataclass(frozen=True, slots=True)
class ErrorNotice:
    """An error as it is shown to a client.

    Attributes:
        status: The HTTP status.
        code: What went wrong, as one word for programs, such as `budget_exceeded`.
        message: What went wrong, for a person.
        param: The field that is wrong, by its path; None when it is none.
    """

    status: int
    code: str
    message: str
    param: str | None = None


UNFINISHED: Final = ErrorNotice(
    502, "stream_broken", "the stream ended before the answer was complete"
)
"""Ends a stream that has no finish reason."""
