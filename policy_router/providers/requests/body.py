"""Checks the parameters of a chat request that are sent to a model."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from policy_router.base_errors import UsageError
from policy_router.domain.content import MODALITIES, PARTS
from policy_router.domain.dialect import Dialect
from policy_router.errors import TooLargeError
from policy_router.providers.answers.adapt import content_text
from policy_router.providers.requests.bounds import BOUNDS
from policy_router.providers.requests.json_values import Allowance, to_json_values
from policy_router.providers.requests.response_format import response_schema
from policy_router.providers.requests.system_text import with_system
from policy_router.quoting import quoted, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from policy_router.domain.models import Model
    from policy_router.domain.original import OriginalRequest
    from policy_router.domain.prompts import Prompt
    from policy_router.providers.requests.bounds import Bounds


PARAMETERS: Final = frozenset(
    {
        "audio",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "modalities",
        "n",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "reasoning_effort",
        "response_format",
        "seed",
        "stop",
        "stream_options",
        "temperature",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "user",
        "verbosity",
        "web_search_options",
    }
)
"""The parameters that a caller may set, by their names in OpenAI's chat completions."""


_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_LONGEST_NAME: Final = 64


_CAPS: Final = ("max_completion_tokens", "max_tokens")


_OURS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "model": "the policy chooses the model",
        "stream": "call the streaming method instead",
        "fallbacks": "the policy's `fallback` says what happens when a model fails",
        "timeout": "the policy's `fallback.deadline` bounds a request",
        "num_retries": "the policy's `fallback` says what is retried",
        "max_retries": "the policy's `fallback` says what is retried",
        "api_key": "a model's `api_key_env` names the variable that holds its key",
        "api_base": "a model's `api_base` says where it is called",
        "base_url": "a model's `api_base` says where it is called",
    }
)
"""Parameters that are refused with a reason. A caller who could set them could send keys to another
host, make paid models look free, or multiply the calls. Other unknown names are refused too."""


class Body(Mapping[str, Any]):
    """The parameters of a chat request, as a read-only mapping of the allowed names.

    Parameters that are None are left out. Values become plain JSON, in whatever form they were
    passed: a class as `response_format` becomes its schema. Whether they make sense is for the
    provider to judge.

    Args:
        bounds: How large the body may be.
        original: The request as the client sent it, of which the parameters are a translation.
        **parameters: The parameters by name.

    Raises:
        UsageError: There are no messages, a name is not allowed, a value cannot be sent, or a part
            of a message has an unknown type.
        TooLargeError: The body is beyond the bounds.
    """

    __slots__ = ("_original", "_prompt", "_set", "_values")

    def __init__(
        self, bounds: Bounds = BOUNDS, original: OriginalRequest | None = None, /, **parameters: Any
    ) -> None:
        messages = parameters.get("messages")
        if not isinstance(messages, list | tuple) or not messages:
            raise UsageError("`messages` must be a list with at least one message")
        self._values: Mapping[str, Any] = MappingProxyType(read_parameters(parameters, bounds))
        self._set: Mapping[str, Any] = _NOTHING
        self._original = original
        self._prompt: Prompt | None = None

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Body({', '.join(sorted(self._values))})"  # names only: values hold the prompt

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The same parameters, to be looked up many times: a body itself takes longer for that."""
        return self._values

    @property
    def original(self) -> OriginalRequest | None:
        """The request as the client sent it; None where it is only known by its parameters."""
        return self._original

    def with_original(self, original: OriginalRequest) -> Body:
        """The same parameters, as a translation of another request."""
        return self._with({}, original)

    @property
    def set_by_policy(self) -> Mapping[str, Any]:
        """The parameters whose values are not the caller's own, but for `messages`."""
        return self._set

    @property
    def prompt(self) -> Prompt | None:
        """The prompt of the policy whose text is in `messages`, and has to be put into `original`;
        None where the model gets none."""
        return self._prompt

    def capped(self, tokens: int) -> Body:
        """A body that allows at most this many tokens in the answer.

        It sets the parameter that the caller set, `max_tokens` or `max_completion_tokens`.
        """
        names = [name for name in _CAPS if name in self._values] or ["max_tokens"]
        if self._values.get(names[0], tokens + 1) <= tokens:
            return self
        return self._with(dict.fromkeys(names, tokens))

    def sent_to(self, model: Model) -> Body:
        """The body with what the policy sets for a model: parameters, and the text of its prompt.

        Its `params`, its `effort` and the cap in its `params` win over what the caller set; its
        `defaults` fill in what the caller left out.
        """
        fixed, default = model.fixed_output, model.default_output
        effort, prompt = model.effort, model.prompt
        if not (model.params or model.defaults or fixed or default or effort or prompt):
            return self
        missing = {k: v for k, v in model.defaults.items() if k not in self._values}
        changed = {**missing, **model.params}
        if effort is not None:
            changed["reasoning_effort"] = effort.value
        caps = [name for name in _CAPS if name in self._values]
        if fixed is not None:
            changed.update(dict.fromkeys(caps or ["max_tokens"], fixed))
        elif default is not None and not caps:
            changed["max_tokens"] = default
        return self._with(changed, prompt=prompt)

    def _with(
        self,
        changed: Mapping[str, Any],
        original: OriginalRequest | None = None,
        prompt: Prompt | None = None,
    ) -> Body:
        """The same body with these parameters in place of the caller's, and with a prompt."""
        body = object.__new__(Body)
        values = {**self._values, **changed}
        if prompt is not None:
            values["messages"] = with_system(values["messages"], prompt)
        body._values = MappingProxyType(values)
        body._set = MappingProxyType({**self._set, **changed})
        body._original = self._original if original is None else original
        body._prompt = self._prompt if prompt is None else prompt
        return body

    @property
    def wants_usage(self) -> bool:
        """Whether the caller requested a usage chunk at the end of a stream."""
        if self._original is not None and self._original.dialect is not Dialect.CHAT:
            return True  # the other dialects end every stream with it
        options = self._values.get("stream_options")
        return isinstance(options, Mapping) and options.get("include_usage") is True


def read_parameters(parameters: Mapping[str, object], bounds: Bounds = BOUNDS) -> dict[str, Any]:
    """Check the parameters of a chat body and turn their values into plain JSON.

    Args:
        parameters: The parameters by name; those that are None are left out.
        bounds: How large the body may be.

    Returns:
        The parameters as dicts, lists, strings, numbers and booleans.

    Raises:
        UsageError: A name is not allowed, or a value cannot be sent.
        TooLargeError: The body is beyond the bounds.
    """
    stated = {k: v for k, v in parameters.items() if v is not None}
    for name in stated:
        if name not in PARAMETERS:
            raise UsageError(refusal(name))
    messages = stated.get("messages", ())
    if isinstance(messages, list | tuple) and len(messages) > bounds.messages:
        raise TooLargeError(
            f"`messages` has {len(messages):,} messages, more than the {bounds.messages:,} allowed"
        )
    room = Allowance(bounds)
    values: dict[str, Any] = {
        k: to_json_values(
            response_schema(v) if k == "response_format" and isinstance(v, type) else v, k, room
        )
        for k, v in stated.items()
    }
    n = values.get("n", 1)
    if type(n) is not int or n < 1:
        raise UsageError("`n` must be an integer, at least 1")
    _check_caps(values)
    for i, message in enumerate(values.get("messages", ())):
        if not isinstance(message, dict):
            raise UsageError(f"`messages[{i}]` must be a mapping with `role` and `content`")
        _check_parts(message.get("content"), f"messages[{i}].content")
    if not isinstance(values.get("tools", []), list):
        raise UsageError("`tools` must be a list")
    for modality in _listed(values, "modalities"):
        if modality not in MODALITIES:
            raise UsageError(unknown("modality", modality, sorted(MODALITIES)))
    return values


def _check_caps(made: Mapping[str, Any]) -> None:
    """Refuses a cap of the answer that is not a number of tokens, and two that differ."""
    caps = {name: made[name] for name in _CAPS if name in made}
    for name, cap in caps.items():
        if type(cap) is not int:
            raise UsageError(f"`{name}` must be an integer")
    if len(set(caps.values())) > 1:
        raise UsageError(f"{' and '.join(f'`{name}`' for name in caps)} must be equal")


def _check_parts(content: object, path: str) -> None:
    """Refuses parts of an unknown type: it would be unknown which models accept them."""
    for i, content_part in enumerate(content if isinstance(content, list) else ()):
        part_type = content_part.get("type") if isinstance(content_part, dict) else None
        if not isinstance(content_part, dict) or part_type is None:
            raise UsageError(f"`{path}[{i}]` must be a mapping with a `type`")
        if not isinstance(part_type, str) or part_type not in PARTS:
            raise UsageError(f"`{path}[{i}]`: {unknown('type of part', part_type, sorted(PARTS))}")
        if part_type == "tool_result":
            _check_parts(content_part.get("content"), f"{path}[{i}].content")


def _listed(made: Mapping[str, Any], name: str) -> list[Any]:
    value = made.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UsageError(f"`{name}` must be a list of strings")
    return value


def refusal(name: object, allowed: AbstractSet[str] = PARAMETERS) -> str:
    """The message for a parameter that cannot be set: the reason, or the name that was meant.

    Args:
        name: The name as the caller gave it.
        allowed: The names that may be used instead.
    """
    reason = _OURS.get(name) if isinstance(name, str) else None
    if reason is not None:
        return f"`{name}` cannot be set here: {reason}"
    word = name if isinstance(name, str) and len(name) <= _LONGEST_NAME else ""
    near = difflib.get_close_matches(word, allowed, n=1)
    hint = f"; did you mean `{near[0]}`?" if near else ""
    return f"unknown parameter `{quoted(name)}`{hint}"


def last_user_text(messages: Sequence[object]) -> str:
    """The text of the user's last message; messages are mappings or objects."""
    contents = (_field(m, "content") for m in reversed(messages) if _field(m, "role") == "user")
    return content_text(next(contents, None)) or ""


def _field(message: object, name: str) -> object:
    return message.get(name) if isinstance(message, Mapping) else getattr(message, name, None)
