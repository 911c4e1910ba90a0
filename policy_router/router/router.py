"""Wires the parts together: a live policy, the counters it is decided on, and an executor.

It makes no routing decision of its own. The core is asynchronous; the synchronous methods run the
same core in an event loop of their own thread.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self, overload

from policy_router.acceptance.user_code import Functions
from policy_router.base_errors import UsageError
from policy_router.decision.policy import Policy
from policy_router.discovery.keep_loaded import KeptModels
from policy_router.events import ENDINGS
from policy_router.execution.accounting import Accounting
from policy_router.execution.estimators import DEADLINE, EstimatorRunner
from policy_router.execution.executor import Executor
from policy_router.execution.order_functions import OrderFunctions
from policy_router.execution.prober import Prober
from policy_router.experience.tracker import ExperimentTracker
from policy_router.journal.journal import Journal
from policy_router.ledger.degraded import DegradableStore
from policy_router.ledger.memory import MemoryStore
from policy_router.ledger.open import open_store
from policy_router.ledger.steady import SteadyStore
from policy_router.live.fixed import FixedPolicy
from policy_router.live.settings import ReloadTiming
from policy_router.observe.router_events import RouterEvents, ignore
from policy_router.providers.deadline import duration
from policy_router.providers.requests.bounds import BOUNDS
from policy_router.providers.user_caller import AdaptedCaller
from policy_router.router.deciding import Decider
from policy_router.router.embedding import EmbeddingMethods
from policy_router.router.following import PolicyMethods, follow
from policy_router.router.health import HealthMethods
from policy_router.router.learning import LearningMethods
from policy_router.router.recording import RecordingMethods
from policy_router.router.reporting import ReportMethods
from policy_router.router.routing import RoutingMethods
from policy_router.router.sync import SyncMethods

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Unpack

    from policy_router.acceptance.user_code import Allowed
    from policy_router.events import Observer
    from policy_router.execution.answer import Answer
    from policy_router.execution.stream import AnswerStream
    from policy_router.ledger.store import Store
    from policy_router.live.active import Active
    from policy_router.live.fixed import PolicySource
    from policy_router.live.watch import Watch
    from policy_router.options import ChatMessage, RequestOptions
    from policy_router.providers.caller import UserCaller
    from policy_router.providers.requests.bounds import Bounds
    from policy_router.providers.user_caller import CallFunction


class Router(
    PolicyMethods,
    EmbeddingMethods,
    HealthMethods,
    LearningMethods,
    RoutingMethods,
    SyncMethods,
    ReportMethods,
    RecordingMethods,
):
    """Answers requests with the models that a policy allows, and follows the policy files.

        async with Router.open("policies/") as router:
            answer = await router.acompletion(messages=[...], user="ada", tags=["private"])

    One router serves any number of requests, threads and event loops. Close it with a `with` block,
    `close` or `aclose`.
    """

    def __init__(
        self,
        policy: Policy | PolicySource,
        caller: UserCaller | CallFunction,
        *,
        store: Store | None = None,
        clock: Callable[[], float] = time.time,
        decide_at: Callable[[], float] | None = None,
        on_event: Observer = ignore,
        bounds: Bounds = BOUNDS,
        functions: Functions | None = None,
        estimator_deadline: float = DEADLINE,
        journal: Journal | None = None,
    ) -> None:
        """Make a router over a policy that is loaded already; `Router.open` loads one from files.

        Args:
            policy: The policy, or where to take the active one from.
            caller: How models are called; see `Router.open`.
            store: Where limits and budgets are counted. Default: in the memory of this process.
            clock: Gives Unix time.
            decide_at: The same for conditions on the time, to rehearse another. Default: `clock`.
            on_event: Called with every event.
            bounds: How large a request may be.
            functions: The functions that the policy may call.
            estimator_deadline: Seconds for an estimate of the complexity by a model or a function.
            journal: Keeps the outcome of every call; closed with the router.
        """
        super().__init__()
        self._warms_on_entry = False
        events = self._begin_recording(RouterEvents.of(on_event, clock), journal)
        functions = Functions() if functions is None else functions
        self._source = FixedPolicy(policy) if isinstance(policy, Policy) else policy
        self._caller = AdaptedCaller(caller)
        self._store = MemoryStore(clock) if store is None else store
        cooldowns = self._begin_cooldowns(self._store, clock, events)
        self._accounting = Accounting(self._store, clock=clock, on_crossing=events.threshold_passed)
        self._executor = Executor(
            self._caller, clock=clock, events=events, cooldowns=cooldowns, functions=functions
        )
        calls = self._executor.bulkheads
        self._kept = self._executor.calls.memory = KeptModels()
        self._prober = Prober(
            self._caller, self._accounting, cooldowns, lambda: self.policy, bulkheads=calls
        )
        self._keeper = self._begin_experience(self._store, events, clock, journal)
        estimators = EstimatorRunner(
            self._caller,
            self._accounting,
            cooldowns=cooldowns,
            deadline=estimator_deadline,
            functions=functions,
            bulkheads=calls,
            on_call=events.complexity_estimated,
        )
        self._experiments = ExperimentTracker(
            self._store, clock=clock, on_end=events.experiment_ended, feedback=journal
        )
        events.add(self._experiments.observe, ENDINGS.__contains__)
        self._decider = Decider(
            self._accounting,
            cooldowns,
            estimators,
            OrderFunctions(functions),
            experiments=self._experiments,
            clock=clock,
            decide_at=clock if decide_at is None else decide_at,
            new_id=events.new_id,
            bounds=bounds,
            learned=self._keeper,
        )

    @classmethod
    def open(
        cls,
        path: Path | str = "policies/",
        *,
        caller: UserCaller | CallFunction | None = None,
        state: str = "memory://",
        instances: int = 1,
        watch: Watch = "auto",
        interval: float = 1.0,
        settle: float = 0.1,
        settle_loss: float = 2.0,
        clock: Callable[[], float] = time.time,
        on_event: Observer = ignore,
        on_reload: Callable[[Active, Active], None] | None = None,
        bounds: Bounds = BOUNDS,
        functions: Allowed = (),
        warm: bool = False,
        journal: str | None = None,
    ) -> Router:
        """Open a router over a policy file or folder, and follow the files until `close`.

        Args:
            path: A policy file, or a folder of files that together form one policy.
            caller: How models are called: an object with the methods of `UserCaller`, or a function
                of a model, a body and a timeout in seconds that returns the answer. Default: as the
                `via` of each model says.
            state: Where limits and budgets are counted: `memory://` (in this process, until it
                ends), `sqlite:///state.db` (shared by the processes of one machine) or
                `redis://host:6379/0` (shared by several machines).
            instances: How many processes share `state`. While it cannot be reached, each process
                keeps to its part of every rate limit.
            watch: How the files are followed: `auto` (file events, and polling), `poll` or `off`.
            interval: Seconds between two looks at the files.
            settle: Seconds for which changed files must stay the same before they are loaded.
            settle_loss: The same in seconds where a file became shorter or was deleted, or where
                rules, limits or budgets disappeared.
            clock: Gives Unix time.
            on_event: Called with every event; see `policy_router.events`.
            on_reload: Called with the old and the new `Active`, each a `policy` with its `sources`
                and `diagnostics`, after another policy became active.
            bounds: How large a request may be.
            functions: What policies may call by `python:`: a list of names (`my_checks:polite`),
                each imported when it is first called, or of functions; or a mapping of such names
                to functions. Functions of Python's standard library are never allowed.
            warm: Do now what is slow the first time a request is answered, as the method `warm`
                does; this takes seconds. Inside a running event loop it is done where an `async
                with` block begins.
            journal: Where to keep the outcome of every call: `sqlite:///journal.db` or, for several
                machines, `postgresql://user@host/name`. Default: nowhere.

        Returns:
            The router. Close it when it is no longer needed.

        Raises:
            PolicyError: The policy has an error, or calls a function that is not allowed.
            StoreError: The counters or the journal cannot be opened.
            UsageError: An argument has an invalid value.
        """
        if caller is None:
            from policy_router.providers.default_caller import DefaultCaller  # noqa: PLC0415  only when used

            caller = DefaultCaller()
        events = RouterEvents.of(on_event, clock)
        allowed = Functions(functions, on_change=events.function_changed)
        opened = open_store(state, None if clock is time.time else clock)
        guarded = SteadyStore if isinstance(opened, MemoryStore) else DegradableStore
        store = guarded(
            opened,
            instances,
            clock,
            on_change=events.store_changed,
            on_loss=events.store_lost_data,
        )
        timing = ReloadTiming(interval=interval, settle=settle, settle_loss=settle_loss)
        live = follow(Path(path), allowed, watch, timing, events, on_reload)
        router = cls(
            live,
            caller,
            store=store,
            clock=clock,
            on_event=events,
            bounds=bounds,
            functions=allowed,
            journal=None if journal is None else Journal(journal, clock=clock),
        )
        if warm:
            router._warms_on_entry = not router._run_outside_a_loop(router.warm)
        return router

    # -- getting ready -----------------------------------------------------------------------

    async def warm(self) -> None:
        """Do everything that is slow the first time a request is answered.

        It imports what the models of the active policy are called through, what requests are read
        with and what the journal is written with, in threads. It calls no model and sends nothing;
        it needs no keys. Without it, the first request waits for this before its deadline begins.
        """
        policy = self.policy
        self._prober.begin()
        self._keeper.begin(policy)
        await self._decider.prepare(policy)
        await self._caller.prepare(policy.models)
        if self._journal is not None:
            await self._journal.prepare()

    # -- answering ---------------------------------------------------------------------------

    @overload
    async def acompletion(
        self,
        messages: Sequence[ChatMessage],
        *,
        stream: Literal[False] = False,
        **options: Unpack[RequestOptions],
    ) -> Answer: ...
    @overload
    async def acompletion(
        self,
        messages: Sequence[ChatMessage],
        *,
        stream: Literal[True],
        **options: Unpack[RequestOptions],
    ) -> AnswerStream: ...
    async def acompletion(
        self,
        messages: Sequence[ChatMessage],
        *,
        stream: bool = False,
        **options: Unpack[RequestOptions],
    ) -> Answer | AnswerStream:
        """Answer a chat request with the first model of the decision that succeeds.

        Args:
            messages: The conversation, as OpenAI's chat completions take it.
            stream: Return an iterator of chunks as soon as the first one is there.
            **options: Everything else, by name; `RequestOptions` has all types.
                Identity: `tenant`, `user`, `team`, `key`.
                Facts: `task`, `complexity`, `tokens`, `needs`, `tags`, `language`, `attributes`.
                Constraints, which only remove or reorder models: `max_cost` (US dollars),
                `max_price` (US dollars per million tokens, of input and of output alike),
                `max_latency` (seconds), `min_quality` (0 to 1), `prefer`, `model`,
                `max_candidates`, `min_tier`, `only`, `avoid`, `deadline` (seconds).
                Chat parameters, which are sent to the provider: `temperature`, `tools`,
                `max_tokens` and so on, or `extra_body` with a mapping of them. Nothing else is
                sent: identity, facts and constraints stay in the router.

        Returns:
            The answer in OpenAI's shape with `decision`, `attempts` and `served_by`, or the stream.

        Raises:
            NoCandidateError: The policy leaves no model; BudgetExceededError, RateLimitError,
                StateUnavailableError and CooldownError say what would have to change.
            BadRequestError: A provider refused the request itself.
            AllModelsFailedError: Every model that was called failed, or the deadline passed.
            UsageError: An argument is unknown or has a value of the wrong type; InvalidRequestError
                when the policy does not know the value, TooLargeError beyond the bounds.
        """
        # The request keeps this policy, whatever is reloaded in the meantime.
        policy, began = self.policy, time.monotonic()
        self._prober.begin()
        self._keeper.begin(policy)
        self._experiments.begin(policy)
        intake = await self._decider.take_in(policy, messages, options, stream=stream)
        if intake.body is None:
            raise UsageError("`messages` must be a list with at least one message")
        if policy.calls_before_deciding:
            began += await duration(self._caller.prepare(policy.models))
        made = await self._decider.decide(policy, intake, began)
        if made.decision.candidates:
            waiting = time.monotonic()
            await self._caller.prepare([each.model for each in made.decision.candidates])
            began += time.monotonic() - waiting
        account = self._accounting.account(policy, made.situation, request_id=made.decision.id)
        execute = self._executor.stream if stream else self._executor.run
        session = self._accounting.sessions.of(policy, made.situation.request)
        return await execute(
            made.decision, policy.fallback, intake.body, account,
            began=began, deadline=intake.deadline, session=session,
        )  # fmt: skip

    # -- closing -----------------------------------------------------------------------------

    def close(self) -> None:
        """Stop following the files, and end the thread of the synchronous methods."""
        self._source.close()
        self._end_loop(self._close_connections)
        self._end_recording()  # after what is settled at the end

    async def aclose(self) -> None:
        """Do what `close` does, and close the connections of the running event loop."""
        await self._close_connections()
        await asyncio.to_thread(self.close)

    async def _close_connections(self) -> None:
        for part in (
            self._caller, self._prober, self._experiments, self._cooldowns, self._keeper,
            self._accounting, self._kept,
        ):  # fmt: skip
            await part.aclose()

    async def __aenter__(self) -> Self:
        if self._warms_on_entry:
            self._warms_on_entry = False
            await self.warm()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
