"""Checks the parameters of a request for embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from policy_router.base_errors import UsageError
from policy_router.providers.requests.bounds import BOUNDS
from policy_router.providers.requests.json_values import Allowance, to_json_values
from policy_router.quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.domain.models import Model
    from policy_router.providers.requests.bounds import Bounds

BASE64: Final = "base64"
_MIB: Final = 1024 * 1024
_VECTOR: Final = 16_384 * 24
"""The most bytes of one vector, with more numbers than any present model gives."""
_MOST: Final = 256 * _MIB
FORMATS: Final = ("float", BASE64)
"""The formats of vectors, the default first."""


class EmbeddingBody(Mapping[str, Any]):
    """The parameters of a request for embeddings, as a read-only mapping.

    Args:
        given: A text, several texts, the numbers of the tokens of a text, or several lists of them.
        dimensions: How many numbers each vector has; None for as many as the model gives.
        encoding_format: `float` or `base64`; None for `float`.
        bounds: How large the input may be.

    Raises:
        UsageError: A value cannot be sent.
        TooLargeError: The input is beyond the bounds.
    """

    __slots__ = ("_values", "inputs")

    def __init__(
        self,
        given: object,
        dimensions: object = None,
        encoding_format: object = None,
        bounds: Bounds = BOUNDS,
    ) -> None:
        sent = to_json_values(given, "input", Allowance(bounds))
        self.inputs = _inputs(sent)
        """The inputs, one by one."""
        values: dict[str, Any] = {"input": sent}
        if dimensions is not None:
            if type(dimensions) is not int or dimensions < 1:
                raise UsageError(
                    f"`dimensions` must be an integer, at least 1, not `{quoted(dimensions)}`"
                )
            values["dimensions"] = dimensions
        if encoding_format is not None:
            if encoding_format not in FORMATS:
                raise UsageError(
                    "`encoding_format` must be `float` or `base64`, not "
                    f"`{quoted(encoding_format)}`"
                )
            values["encoding_format"] = encoding_format
        self._values: Mapping[str, Any] = MappingProxyType(values)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"EmbeddingBody({', '.join(sorted(self._values))})"  # values hold the prompt

    @property
    def as_base64(self) -> bool:
        """Whether the vectors are wanted in base64."""
        return self._values.get("encoding_format") == BASE64

    @property
    def most_bytes(self) -> int:
        """The most bytes that an answer can have."""
        return min(_MIB + len(self.inputs) * _VECTOR, _MOST)

    def sent_to(self, model: Model) -> EmbeddingBody:
        """The body with the `params` and `defaults` that the policy sets for a model.

        What is embedded, and the format of the vectors, are the caller's.
        """
        if not (model.params or model.defaults):
            return self
        own = {name: value for name, value in self._values.items() if name != "dimensions"}
        body = object.__new__(EmbeddingBody)
        body._values = MappingProxyType({**model.defaults, **self._values, **model.params, **own})
        body.inputs = self.inputs
        return body


def _inputs(given: Any) -> tuple[str | list[int], ...]:
    """The inputs one by one. Raises UsageError."""
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, list) or not given:
        raise UsageError("`input` must be a text, a list of texts, or numbers of tokens; not empty")
    if set(map(type, given)) == {int}:
        given = [given]
    for number, each in enumerate(given):
        tokens = isinstance(each, list) and set(map(type, each)) == {int}
        if not each or not (tokens or isinstance(each, str)):
            raise UsageError(
                f"`input[{number}]` must be a text or a list of the numbers of its tokens; not "
                "empty"
            )
    return tuple(given)
