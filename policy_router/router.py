"""Wires the parts together: a live policy, the state it is decided on, and an executor.

Holds no routing decision of its own. The core is asynchronous; `completion` and an iterated stream
run the same core in a loop of their own thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Self, cast, overload

from policy_router.acceptance.user_code import Functions, not_allowed
from policy_router.base_errors import UsageError
from policy_router.check.report import inspect
from policy_router.classification.body import needs_beside, read_messages
from policy_router.classification.classifier import Classification, Classifier
from policy_router.classification.token_bound import most_tokens, pictures
from policy_router.decision.decide import decide
from policy_router.domain.request import Request
from policy_router.domain.snapshot import Snapshot
from policy_router.events import StoreChanged, StoreLostData, Warned, harmless
from policy_router.execution.accounting import Accounting
from policy_router.execution.cooldown import Cooldowns
from policy_router.execution.estimators import EstimatorRunner
from policy_router.execution.executor import Executor
from policy_router.ledger.degraded import DegradableStore
from policy_router.ledger.memory import MemoryStore
from policy_router.ledger.open import open_store
from policy_router.live.reload import Compiled, Live
from policy_router.live.restrictions import lost_restrictions
from policy_router.providers.bounds import BOUNDS, is_small
from policy_router.providers.caller import Body
from policy_router.providers.user_caller import Contained
from policy_router.quoting import quoted
from policy_router.resilience import forks
from policy_router.resilience.cancellation import Poll, never
from policy_router.resilience.threads import Threads
from policy_router.sync import LoopThread, SyncStream
from policy_router.units import NANO

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from policy_router.acceptance.user_code import Allowed
    from policy_router.classification.body import BodyFacts
    from policy_router.decision.policy import Policy
    from policy_router.domain.decision import Decision
    from policy_router.events import Event
    from policy_router.execution.answer import Answer
    from policy_router.execution.stream import AnswerStream
    from policy_router.language.files import FileSet
    from policy_router.ledger.degraded import StoreStatus
    from policy_router.ledger.store import Crossing, Store
    from policy_router.live.reload import Active, ReloadStatus
    from policy_router.live.watch import Watch
    from policy_router.providers.bounds import Bounds
    from policy_router.providers.caller import Caller
    from policy_router.providers.user_caller import CallFunction

_READING: Final = 2
"""Large bodies that are read at a time, in threads."""


class _Taken(NamedTuple):
    """What a call says. body: as it is sent. rated: what its text was taken for, where the policy
    may have it rated."""

    body: Mapping[str, Any]
    messages: Sequence[Mapping[str, Any]]
    request: Request
    rated: Classification | None


def _ignore(_: Event) -> None:
    """The observer when there is none."""


def _compile(
    files: FileSet, cancelled: Poll = never, functions: Functions | None = None
) -> Compiled[Policy]:
    """The policy in these files, if it is sound and calls nothing but these functions."""
    report = inspect(files.files, cancelled=cancelled)
    refused = () if report.policy is None else not_allowed(report.policy, functions or Functions())
    policy = None if refused else report.policy
    return Compiled(policy, (*report.diagnostics, *refused), report.sources)


class Router:
    """Answers requests as the policy on disk says, and follows it when it changes.

        async with Router.open("policies/") as router:
            answer = await router.acompletion(messages=[...], user="ada", tags=["private"])

    Use `open`. One Router serves any number of requests, threads and event loops.
    """

    def __init__(
        self,
        live: Live[Policy],
        caller: Caller | CallFunction,
        *,
        store: Store | None = None,
        clock: Callable[[], float] = time.time,
        on_event: Callable[[Event], None] = _ignore,
        bounds: Bounds = BOUNDS,
        functions: Functions | None = None,
    ) -> None:
        tell = harmless(on_event)
        self._bounds = bounds
        self._live = live
        caller = self._caller = Contained(caller)
        self._clock = clock
        self._cooldowns = Cooldowns(clock, models=lambda: self.policy.models)
        self._store = MemoryStore(clock) if store is None else store
        self._ledger = Accounting(
            self._store,
            clock=clock,
            told=lambda crossing: tell(_warned(crossing)),
        )
        functions = Functions() if functions is None else functions
        self._executor = Executor(
            caller, clock=clock, observe=tell, cooldowns=self._cooldowns, functions=functions
        )
        self._rater = EstimatorRunner(
            caller, self._ledger, cooldowns=self._cooldowns, functions=functions
        )
        self._classifier: Classifier | None = None
        self._reading = Threads(_READING, "policy-router-reading")
        self._loop: LoopThread | None = None
        self._lock = forks.lock()

    @classmethod
    def open(
        cls,
        path: Path | str = "policies/",
        *,
        caller: Caller | CallFunction | None = None,
        state: str = "memory://",
        instances: int = 1,
        watch: Watch = "auto",
        interval: float = 1.0,
        settle: float = 0.1,
        settle_loss: float = 2.0,
        clock: Callable[[], float] = time.time,
        on_event: Callable[[Event], None] = _ignore,
        on_reload: Callable[[Active[Policy], Active[Policy]], None] | None = None,
        bounds: Bounds = BOUNDS,
        functions: Allowed = (),
    ) -> Router:
        """A router over a policy file or folder, watched until `close`.

        caller: how models are called; LiteLLM unless given. An object with the methods of a
        Caller, or a function of a model, a body and a number of seconds that gives the answer.
        state: where limits and budgets are counted: `memory://` (this process, until it ends),
        `sqlite:///state.db` (the processes of one machine), `redis://host:6379/0` (of several).
        instances: processes that share it; out of its reach each keeps to its part of a rate limit.
        watch: "auto", "poll" or "off".
        interval: seconds between two looks at the files. settle: seconds for which changed files
        must have stood still. settle_loss: the same where a file became shorter or is gone, or
        rules, limits or budgets are gone. clock: Unix time. on_event: gets every event.
        on_reload: told (old, new) when another policy has become active.
        bounds: how large a request may be.
        functions: what policies may call by `python:`. A list of names (`my_checks:polite`), each
        imported when it is first called, or of functions; or a mapping of such names to functions.
        A policy that calls anything else is refused, and so is a function of Python itself.
        Raises PolicyError when the policy cannot be used, StoreError when the state cannot,
        UsageError for a function that cannot be allowed.
        """
        if caller is None:
            from policy_router.providers.litellm.caller import LiteLLMCaller  # noqa: PLC0415  only when used

            caller = LiteLLMCaller()
        tell = harmless(on_event)
        known = Functions(functions, tell=tell)
        store = DegradableStore(
            open_store(state, None if clock is time.time else clock),
            instances,
            clock,
            on_change=lambda up, detail: tell(StoreChanged(up, detail)),
            on_loss=lambda lost, detail: tell(StoreLostData(lost, detail)),
        )
        live = Live(
            Path(path),
            partial(_compile, functions=known),
            watch=watch,
            interval=interval,
            settle=settle,
            settle_loss=settle_loss,
            loses=lambda old, new: bool(lost_restrictions(old, new)),
            on_activate=on_reload,
        ).start()
        return cls(
            live,
            caller,
            store=store,
            clock=clock,
            on_event=tell,
            bounds=bounds,
            functions=known,
        )

    # -- the policy --------------------------------------------------------------------------

    @property
    def policy(self) -> Policy:
        """The active policy."""
        return self._live.current.policy

    def status(self) -> ReloadStatus:
        """What is live, and what was refused and why."""
        return self._live.status()

    def reload(self) -> ReloadStatus:
        """Look at the files now, not at the next tick. Blocks; never raises for a bad file."""
        return self._live.reload_now()

    def store_status(self) -> StoreStatus | None:
        """Whether the store of limits and budgets is in reach and has lost no data, and what its
        failures came to, for a gauge; None when nobody guards it."""
        return self._store.status if isinstance(self._store, DegradableStore) else None

    # -- deciding ----------------------------------------------------------------------------

    async def aroute(self, messages: Sequence[Mapping[str, Any]] = (), **options: Any) -> Decision:
        """What the policy makes of a request; nobody answers it. Takes what `acompletion` takes.

        Where the policy names a model as estimator, that model is asked, and charged."""
        facts = self._facts(options)
        policy = self.policy
        # The same as would be sent, so that the decision is the same.
        given = {"messages": messages, **options} if messages else None
        taken = await self._take_in(policy, facts, given, options)
        request, snapshot = await self._asked(policy, taken)
        return decide(policy, request, snapshot)

    def _facts(self, options: dict[str, Any]) -> dict[str, Any]:
        """What the options say of the request, taken out of them."""
        said = {name: options.pop(name) for name in _FACTS if name in options}
        return self._bounds.check_facts(said)

    async def _take_in(
        self,
        policy: Policy,
        facts: Mapping[str, Any],
        given: Mapping[str, Any] | None,
        options: Mapping[str, Any],
    ) -> _Taken:
        """What a call says, as it is sent and as the policy sees it. given: the parameters of the
        body; None when there is none, and options are all there is. A large body is read in another
        thread, so that the event loop goes on meanwhile."""

        def take() -> _Taken:
            body = options if given is None else Body(self._bounds, **given)
            messages = () if given is None else body["messages"]
            request, seen = _request(self._classify(policy), messages, facts, body)
            asked = seen is not None and facts.get("complexity") is None
            return _Taken(body, messages, request, seen if asked else None)

        if is_small(options if given is None else given):
            return take()
        return await self._reading.run(take)

    async def _asked(self, policy: Policy, taken: _Taken) -> tuple[Request, Snapshot]:
        """The request as the policy sees it, and the world as it matters to it."""
        request, seen, messages = taken.request, taken.rated, taken.messages
        snapshot = await self._snapshot(policy, request)
        if seen is None:
            return request, snapshot
        score = await self._rater.rate(policy, request, snapshot, messages)
        if score is not None:
            rated = seen.rated(policy.complexity.estimator, score, policy)
            request = replace(request, complexity=rated.score)
            snapshot = await self._snapshot(policy, request)
        return request, snapshot

    def _classify(self, policy: Policy) -> Classifier:
        """The classifier of this policy, built when the policy is first asked."""
        classifier = self._classifier
        if classifier is None or classifier.policy is not policy:
            classifier = self._classifier = Classifier(policy)
        return classifier

    def route(self, messages: Sequence[Mapping[str, Any]] = (), **options: Any) -> Decision:
        """`aroute` for code without an event loop."""
        return self._own_loop("route").run(self.aroute(messages, **options))

    async def _snapshot(self, policy: Policy, request: Request) -> Snapshot:
        """The world as it matters to this request."""
        now = self._clock()
        idle = Snapshot(now, self._cooldowns.cooling(now))
        used = await self._ledger.readings(policy, request, idle)
        return replace(idle, used=used) if used else idle

    # -- answering ---------------------------------------------------------------------------

    @overload
    async def acompletion(
        self, messages: Sequence[Mapping[str, Any]], *, stream: Literal[True], **options: Any
    ) -> AnswerStream: ...
    @overload
    async def acompletion(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        stream: Literal[False] = False,
        **options: Any,
    ) -> Answer: ...
    async def acompletion(
        self, messages: Sequence[Mapping[str, Any]], *, stream: bool = False, **options: Any
    ) -> Answer | AnswerStream:
        """An answer in the shape that OpenAI's and LiteLLM's users know.

        Facts about the request: task, complexity, tokens and needs (else read from the messages),
        tags, tenant, user, team, key, language, attributes (of the policy). None of them is sent
        to a provider.
        Criteria, which only narrow or reorder: max_cost (dollars), max_latency (seconds),
        min_quality (0..1), prefer, model (a model of the policy; "auto" is none), max_candidates.
        The rest are OpenAI's own parameters (temperature, tools, max_tokens, ...).

        Raises NoCandidateError (and its kinds BudgetExceededError, RateLimitError,
        StateUnavailableError, CooldownError), BadRequestError, AllModelsFailedError; UsageError
        for an unknown parameter.
        """
        facts = self._facts(options)
        # The fact `user` stays here: it is often a name or an address, and no provider needs it.
        given = {"messages": messages, **options}
        # Taken once: the request keeps this policy, whatever is reloaded meanwhile.
        policy = self.policy
        facts["stream"] = stream
        taken = await self._take_in(policy, facts, given, options)
        body = cast("Body", taken.body)  # as messages are given
        began = None
        if policy.complexity.is_asked:
            await self._caller.prepare(policy.models)  # before the time begins to run
            began = time.monotonic()
        request, snapshot = await self._asked(policy, taken)
        decision = decide(policy, request, snapshot)
        await self._caller.prepare(candidate.model for candidate in decision.candidates)
        account = self._ledger.account(policy, request, snapshot)
        if stream:
            return await self._executor.stream(
                decision, policy.fallback, body, account, began=began
            )
        return await self._executor.run(decision, policy.fallback, body, account, began=began)

    @overload
    def completion(
        self, messages: Sequence[Mapping[str, Any]], *, stream: Literal[True], **options: Any
    ) -> SyncStream: ...
    @overload
    def completion(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        stream: Literal[False] = False,
        **options: Any,
    ) -> Answer: ...
    def completion(
        self, messages: Sequence[Mapping[str, Any]], *, stream: bool = False, **options: Any
    ) -> Answer | SyncStream:
        """`acompletion` for code without an event loop."""
        loop = self._own_loop("completion")
        if stream:
            started = loop.run(self.acompletion(messages, stream=True, **options))
            return SyncStream(loop, started)
        return loop.run(self.acompletion(messages, stream=False, **options))

    def _own_loop(self, method: str) -> LoopThread:
        """The loop of the synchronous methods. Raises UsageError inside a running event loop."""
        if asyncio._get_running_loop() is not None:  # noqa: SLF001  the public one raises instead
            raise UsageError(
                f"{method}() cannot be used inside a running event loop; use `await "
                f"router.a{method}(...)`"
            )
        with self._lock:
            if self._loop is None or not self._loop.is_usable:
                self._loop = LoopThread()
            return self._loop

    # -- ending ------------------------------------------------------------------------------

    def close(self) -> None:
        """End the watch and the thread of the synchronous calls."""
        self._live.close()
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None and loop.is_usable:
            loop.run(self._caller.aclose())
            loop.run(self._ledger.aclose())
            loop.close()

    async def aclose(self) -> None:
        """`close` within an event loop; also closes the caller's connections of this loop."""
        await self._caller.aclose()
        await self._ledger.aclose()
        await asyncio.to_thread(self.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_FACTS = (
    "task", "complexity", "tags", "tenant", "user", "team", "key", "language", "attributes",
    "tokens", "needs", "max_cost", "max_latency", "min_quality", "prefer", "model",
    "max_candidates",
    "stream",
)  # fmt: skip


def _request(
    classifier: Classifier,
    messages: Sequence[Mapping[str, Any]],
    facts: Mapping[str, Any],
    body: Mapping[str, Any],
) -> tuple[Request, Classification | None]:
    """The request as the policy sees it: what the caller says, and else what the body shows; and
    what its text was taken for, where that was asked."""
    said = _said(facts)
    shown = {name: body.get(name) for name in ("tools", "response_format")}
    task, complexity = said.task, said.complexity
    # The caller may ask for more than the body shows, never for less.
    needs = said.needs | needs_beside(body)
    cap = body.get("max_completion_tokens") or body.get("max_tokens")
    cap = cap if isinstance(cap, int) else None
    answers = body.get("n")
    seen: Classification | BodyFacts
    if messages and (task is None or complexity is None):
        seen = classifier.classify(messages, max_output=cap, needs=needs, task=task, **shown)
        task = seen.told
        complexity = seen.score if complexity is None else complexity
    else:
        seen = read_messages(messages, **shown)
    most = most_tokens(messages, prediction=body.get("prediction"), **shown)
    full, low = pictures(messages)
    request = replace(
        said,
        task=task,
        complexity=complexity,
        tokens=seen.tokens if facts.get("tokens") is None else said.tokens,
        max_input_tokens=max(most, said.tokens),
        pictures=full,
        thumbnails=low,
        max_tokens=cap,
        answers=answers if isinstance(answers, int) and answers > 0 else 1,
        needs=seen.needs | needs,
    )
    return request, seen if isinstance(seen, Classification) else None


def _said(facts: Mapping[str, Any]) -> Request:
    """What the caller says of the request, apart from its body. Raises UsageError."""
    attributes, tokens = facts.get("attributes"), facts.get("tokens")
    model = facts.get("model")
    return Request(
        task=facts.get("task"),
        complexity=facts.get("complexity"),
        tokens=0 if tokens is None else tokens,
        needs=_words(facts, "needs"),
        tags=_words(facts, "tags"),
        tenant=facts.get("tenant"),
        user=facts.get("user"),
        team=facts.get("team"),
        key=facts.get("key"),
        language=facts.get("language"),
        stream=facts.get("stream") is True,
        attributes={} if attributes is None else attributes,
        max_cost=_nano(facts.get("max_cost")),
        max_latency=facts.get("max_latency"),
        min_quality=facts.get("min_quality"),
        prefer=facts.get("prefer"),
        model=None if isinstance(model, str) and model == "auto" else model,
        max_candidates=facts.get("max_candidates"),
    )


def _warned(crossing: Crossing) -> Warned:
    key = crossing.key
    return Warned(
        key.name, key.subject, key.metric.value, crossing.share, crossing.spent, crossing.cap
    )


def _words(facts: Mapping[str, Any], name: str) -> frozenset[str]:
    given = facts.get(name)
    if given is None:
        return frozenset()
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise UsageError(f"`{name}` is a list of words, not `{quoted(given)}`")
    words = list(given)
    for word in words:
        if not isinstance(word, str):
            raise UsageError(f"`{name}` is a list of words; `{quoted(word)}` is none")
    return frozenset(words)


def _nano(dollars: object) -> int | None:
    """Dollars as a number or a text to nano-USD."""
    if dollars is None:
        return None
    if isinstance(dollars, int | float | str | Decimal) and not isinstance(dollars, bool):
        with contextlib.suppress(InvalidOperation, ValueError, OverflowError):
            return int(Decimal(str(dollars).removeprefix("$")) * NANO)
    raise UsageError(f"`max_cost` is an amount of dollars, not `{quoted(dollars)}`")
