"""Asks the servers of a policy's models whether they answer, and whether they have the models.

Each server is asked once with each key, for its list of models. No model is called, so nothing is
charged. Keys appear in no text; neither do the bodies of answers, since some of them repeat a key.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from policy_router.diagnostics import Severity
from policy_router.discovery.availability import listed
from policy_router.discovery.fetch import message_of
from policy_router.execution.endpoints import at_address
from policy_router.ledger.diagnosis import Diagnosis
from policy_router.providers.failures.failure import CallFailed
from policy_router.providers.failures.fault_domain import with_each_key
from policy_router.providers.http.connections import Connections
from policy_router.providers.model_list import (
    ListRefusedError,
    ModelList,
    list_destination,
    list_models,
    listed_name,
    lists_models,
)
from policy_router.suggest import help_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from policy_router.domain.models import Model
    from policy_router.providers.direct import Destination

WITHIN: Final = 10.0
"""Seconds that each server has to answer; all are asked at once."""
_REFUSED_KEY: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_NO_LIST: Final = (HTTPStatus.OK, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)


@dataclass(frozen=True, slots=True)
class _Question:
    """One request for a list of models.

    Attributes:
        to: Where it goes.
        models: The models of the policy that are called there with that key.
    """

    to: Destination
    models: list[Model]

    @property
    def server(self) -> str:
        """Its address, as people know it."""
        return self.to.address.partition("?")[0].removesuffix("/models")

    @property
    def key(self) -> str:
        """By which key, as text."""
        variable = self.to.key_variable
        return "without a key" if variable is None else f"with the key in {variable}"

    @property
    def users(self) -> str:
        """The models, as text."""
        return listed(model.name for model in self.models)


class LiveExamination:
    """The servers of the models of a policy, ready to be asked.

    Args:
        models: The models.
        environ: The environment variables, with addresses.
        within: Seconds that each server has to answer.
    """

    def __init__(
        self, models: Sequence[Model], environ: Mapping[str, str], *, within: float = WITHIN
    ) -> None:
        self._models = models
        self._within = within
        self._questions: dict[tuple[str, str | None], _Question] = {}
        self._impossible: list[Diagnosis] = []
        for model in filter(lists_models, models):
            for each in with_each_key(model):
                self._prepare(each, environ)

    def __len__(self) -> int:
        """The number of requests that are made."""
        return len(self._questions)

    def _prepare(self, model: Model, environ: Mapping[str, str]) -> None:
        try:
            to = list_destination(at_address(model, environ.get))
        except CallFailed as error:
            if "not set" not in error.failure.detail:  # that is said already
                text = f"`{model.name}` cannot be called: {error.failure.detail}"
                self._impossible.append(Diagnosis("server", Severity.WARNING, text))
            return
        question = self._questions.setdefault((to.address, to.key_variable), _Question(to, []))
        question.models.append(model)

    async def ask(self, on_answer: Callable[[], None] = lambda: None) -> tuple[Diagnosis, ...]:
        """Ask every server at once.

        Args:
            on_answer: Called when a server has answered, or will not.

        Returns:
            Whether each server answered, which models it does not have, which models were not asked
            for, and which have no known price.
        """
        connections = Connections()

        async def about(question: _Question) -> list[Diagnosis]:
            try:
                return await self._about(question, connections)
            finally:
                on_answer()

        try:
            answers = await asyncio.gather(*map(about, self._questions.values()))
        finally:
            await connections.aclose()
        return (
            *self._impossible,
            *(diagnosis for answer in answers for diagnosis in answer),
            *_not_asked(self._models),
            *_without_price(self._models),
        )

    async def _about(self, question: _Question, connections: Connections) -> list[Diagnosis]:
        try:
            async with asyncio.timeout(self._within):
                models = await list_models(connections, question.to)
        except ListRefusedError as error:
            return [_refused(question, error.status)]
        except Exception as error:  # noqa: BLE001  whatever the connection raised means no answer
            text = f"{question.server} does not answer ({_why(error, self._within)})"
            text += f": {question.users} cannot be called"
            help_ = "start it, or look at its address, the network and the proxy"
            return [Diagnosis("server", Severity.WARNING, text, help_)]
        return [_answered(question, models), *_missing(question, models)]


def _answered(question: _Question, models: ModelList) -> Diagnosis:
    number = len(models.names)
    text = f"{question.server} answers {question.key}"
    text += f" and lists {number} model{'' if number == 1 else 's'}"
    return Diagnosis("server", Severity.NOTE, text)


def _missing(question: _Question, models: ModelList) -> list[Diagnosis]:
    missing: defaultdict[str, list[str]] = defaultdict(list)
    for model in question.models:
        name = listed_name(model)
        if not models.has(name):
            missing[name].append(model.name)
    level = Severity.WARNING if models.complete else Severity.NOTE
    part = "" if models.complete else "the part that was read of the list of "
    return [
        Diagnosis(
            "model",
            level,
            f"`{name}` is not in {part or 'the list of '}{question.server}: "
            f"{listed(users)} may not be callable {question.key}",
            help_line(name, models.names, what="the listed ones"),
        )
        for name, users in missing.items()
    ]


def _refused(question: _Question, status: int) -> Diagnosis:
    if status in _REFUSED_KEY:
        text = f"{question.server} refuses calls {question.key} ({status})"
        if question.to.key_variable is None:
            help_ = "name the variable with its key in `api_key_env`"
        else:
            help_ = "replace the key, or look at what it permits"
        text += f": {question.users} cannot be called"
        return Diagnosis("key", Severity.WARNING, text, help_)
    if status in _NO_LIST:
        text = f"{question.server} answers, but has no list of models ({status})"
        text += f": whether it has {question.users} is unknown"
        return Diagnosis("server", Severity.NOTE, text)
    text = f"{question.server} answers with the status {status}: {question.users} may not answer"
    return Diagnosis("server", Severity.WARNING, text, "try again later, or look at its address")


def _not_asked(models: Sequence[Model]) -> list[Diagnosis]:
    rest = [model.name for model in models if not lists_models(model)]
    if not rest:
        return []
    text = f"{listed(rest)} could not be checked: only LiteLLM knows how to call "
    text += "it" if len(rest) == 1 else "them"
    return [Diagnosis("model", Severity.NOTE, text)]


def _without_price(models: Sequence[Model]) -> list[Diagnosis]:
    names = [model.name for model in models if model.price is None and not model.free]
    if not names:
        return []
    text = f"the price of {listed(names)} is unknown: no budget can count "
    text += "it" if len(names) == 1 else "them"
    return [Diagnosis("price", Severity.WARNING, text, "add `price` to it, or `price: free`")]


def _why(error: Exception, within: float) -> str:
    """Say why there was no answer. The error's own text may hold a key, so it is not used."""
    import aiohttp  # noqa: PLC0415  only where servers are asked

    match error:
        case aiohttp.ConnectionTimeoutError():
            return "no connection in time"
        case TimeoutError():
            return f"no answer within {within:g} s"
        case aiohttp.ClientConnectorCertificateError():
            return "its certificate is not trusted"
        case aiohttp.ClientConnectorDNSError():
            return "no such host"
        case aiohttp.ClientConnectorError(os_error=OSError() as cause):
            return message_of(cause)
        case aiohttp.InvalidURL():
            return "its address is invalid"
        case ValueError():
            return "the key or another header holds characters that cannot be sent"
        case _:
            return "the connection broke"
