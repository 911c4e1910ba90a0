"""Takes from the store what an attempt may come to, before it is sent, and settles what it came to.

    ledger = Ledger(store)
    account = ledger.account(policy, situation)
    skip = await account.open(candidate.model)       # None: sent may be
    account.ended(usage, failure, said)
    await account.close()

One hold at a time: a fallback ends the last hold and takes the next in one step. A hold lives by
its lease, renewed while its attempt runs, so that those of a dead process end by themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

from policy_router.decision.abilities import HOSTED_TOOLS
from policy_router.decision.limits import spell, spell_used
from policy_router.domain.decision import Reason, Skip
from policy_router.domain.identity import bounded_id, key_id
from policy_router.domain.limits import Metric
from policy_router.errors import StoreError
from policy_router.execution.billing import UpperBound, charge_of
from policy_router.ids import Ids
from policy_router.ledger.store import (
    Attribution,
    Ended,
    Ending,
    Granted,
    Hold,
    Refused,
    Stale,
    Unavailable,
    finish,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from policy_router.decision.policy import Policy
    from policy_router.domain.condition import Facts
    from policy_router.domain.limits import Charge, CounterKey, Limit, Reading
    from policy_router.domain.models import Model
    from policy_router.domain.request import Request
    from policy_router.domain.situation import Situation
    from policy_router.ledger.store import Crossing, Refusal, Settlement, Store
    from policy_router.providers.chat import Usage
    from policy_router.providers.failure import Failure

_log: Final = logging.getLogger(__name__)
LEASE: Final = 30.0
"""Seconds until a hold of a dead process ends by itself, charged in full."""
_TRIES: Final = 3
"""How often the counters of a period are asked for anew when midnight passes in between."""


OnCrossing: TypeAlias = "Callable[[Crossing, str | None, str], None]"
"""Gets a threshold that was passed, the id of the decision whose request passed it or None, and the
revision of the policy."""


class Accounting:
    """What a policy counts, kept in a store.

    clock: Unix time. on_crossing: gets every threshold that was passed. sleep: waits between two
    renewals.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Callable[[], float] = time.time,
        on_crossing: OnCrossing = lambda _crossing, _request_id, _revision: None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.store = store
        self.clock = clock
        self.on_crossing = on_crossing
        self.new_id = Ids(clock)
        """Names holds. Those of about the same time lie side by side in a store's index, so that a
        commit touches few of its pages."""
        self.sleep = sleep
        # Settling goes on when its request is cancelled; the loop itself holds tasks only weakly.
        self._settling: set[asyncio.Task[None]] = set()

    async def readings(
        self, policy: Policy, situation: Situation
    ) -> Mapping[CounterKey, Reading | None]:
        """What the counters show that matter to this request, for `Snapshot.used`; None for those
        that cannot be read. Never raises."""
        if situation.problem is not None or not policy.limits:
            return {}
        uses = policy.limit_index.uses(
            situation.facts, situation.request, self.clock(), policy.timezone
        )
        if not uses:
            return {}
        try:
            found = await self.store.read([charge for _, charge in uses])
        except StoreError as error:
            _log.warning("the counters cannot be read: %s", error)
            return dict.fromkeys(name for name, _ in uses)
        return {name: reading for (name, _), reading in zip(uses, found, strict=True)}

    def account(
        self, policy: Policy, situation: Situation, *, request_id: str | None = None
    ) -> RequestAccount:
        """The account of one request, as it was decided."""
        counted = situation.problem is None and policy.limits
        facts = situation.facts if counted else None
        return RequestAccount(self, policy, situation.request, facts, request_id=request_id)

    async def finish(self, work: Awaitable[None]) -> None:
        """Does the work to its end, though the caller be cancelled meanwhile."""
        task = asyncio.ensure_future(work)
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)
        await asyncio.shield(task)

    async def aclose(self) -> None:
        """Waits for what is being settled in this event loop, and lets the store go."""
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(t for t in self._settling if t.get_loop() is loop))
        await self.store.aclose()


class RequestAccount:
    """The holds of one request. Not shared between tasks.

    facts: what the policy goes by; None when nothing is counted. seated: counters in which the
    request has a seat already. actual: what the attempt that ended last was charged, None when
    nothing was counted of it. overrun: it came to more than was reserved for it.
    """

    def __init__(
        self,
        ledger: Accounting,
        policy: Policy,
        request: Request,
        facts: Facts | None,
        seated: frozenset[CounterKey] = frozenset(),
        *,
        request_id: str | None = None,
    ) -> None:
        self._ledger = ledger
        self._policy = policy
        self._request = request
        self._facts = facts
        self._seated = seated
        self._request_id = request_id
        self._seats: frozenset[CounterKey] = frozenset()
        self._meters: Mapping[CounterKey, Limit] = {m.key(): m for m in policy.limits}
        self._id = ledger.new_id()
        self._count = 0
        self._open: str | None = None
        self._pending: Ending | None = None
        self._worst = UpperBound(0, 0, None)
        self._cap: int | None = None
        self._beat: asyncio.Task[None] | None = None
        self._model = ""
        self.actual: Settlement | None = None
        self.overrun = False

    @property
    def output_cap(self) -> int | None:
        """Tokens that the answer of the open attempt may have; None when nothing says so."""
        return self._cap

    async def open(self, model: Model) -> Skip | None:
        """Takes what an attempt at this model may come to, ending the attempt before it. The reason
        why not, when something has no room. An attempt that falls under no meter takes nothing: its
        hold is there to be written into the ledger, and a store out of reach does not refuse it."""
        self._cap = None if self._request.max_tokens is not None else model.default_output
        facts = self._facts
        if facts is None:
            self._expect(model, model.full_output(self._request))
            return None
        number = self._policy.position(model.name)
        caps = self._policy.limit_index.caps(facts, self._request, number)
        for cap in caps:  # the next is smaller, for where money or tokens are short
            self._expect(model, cap)
            charges = self._charges(facts, model, self._ledger.clock(), cap)
            answer = await self._reserve(facts, model, charges, cap)
            if not _too_large(answer):
                break
        if isinstance(answer, Granted):
            if any(c.cap is not None and c.counter.metric in _SIZED for c in charges):
                self._cap = self._sent(model, cap)
            self._open = answer.id
            self._tell(answer.crossed)
            if self._beat is None:
                self._beat = asyncio.ensure_future(self._renew())
            return None
        if isinstance(answer, Unavailable):
            self._tell(answer.crossed)
            if not charges:
                return None  # what is pending is settled in the end
            await self._settle()
            return Skip(model.name, Reason.STATE, answer.detail, span=model.span)
        self._tell(answer.crossed)
        return self._skip(model, answer.refusals[0])

    def _expect(self, model: Model, cap: int) -> None:
        """Notes what an attempt may come to when its answers have so many tokens."""
        request, self._model = self._request, model.name
        sizes = [size for size in (model.context, model.max_output) if size is not None]
        self._worst = UpperBound(
            model.most_input(request),
            cap * request.answers,
            None if model.free else model.price,
            "reasoning" in model.abilities,
            HOSTED_TOOLS in request.needs,
            model.context,
            None if model.context is None else max(sizes) * request.answers,
        )

    def _sent(self, model: Model, cap: int) -> int | None:
        """The cap that is sent along; none where only the model's context bounds its answer, which
        then bounds it without being told."""
        unbounded = model.max_output is None and cap == model.full_output(self._request)
        natural = unbounded and cap > model.output_cap(self._request.max_tokens)
        return None if natural else cap

    def beside(self, tokens: int, output: int) -> RequestAccount:
        """An account for another call within the request, while the open attempt keeps its hold:
        at most so many tokens in and out. Where the attempt has a seat, it needs no second one."""
        request = replace(
            self._request,
            tokens=tokens,
            max_input_tokens=tokens,
            max_tokens=output,
            answers=1,
            pictures=0,
            thumbnails=0,
            needs=self._request.needs - {HOSTED_TOOLS},
        )
        return RequestAccount(
            self._ledger,
            self._policy,
            request,
            self._facts,
            self._seats,
            request_id=self._request_id,
        )

    def ended(self, usage: Usage, failure: Failure | None, said: int) -> None:
        """Notes how the open attempt ended. said: bytes of what came out."""
        actual = charge_of(self._worst, usage, failure, said)
        self.actual = actual
        self.overrun = actual is not None and self._worst.exceeded(usage, actual)
        if self.overrun:
            _log.warning(
                "%s counted %s tokens in and %s out, more than was reserved (%d and %d)",
                self._model, usage.prompt_tokens, usage.completion_tokens,
                self._worst.tokens_in, self._worst.tokens_out,
            )  # fmt: skip
        if self._open is not None:
            self._pending = Ending(self._open, actual)
            self._open = None

    async def close(self) -> None:
        """Settles what is left to settle. Never raises: what cannot be settled expires."""
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None
        if self._pending is not None:
            await self._ledger.finish(self._settle())

    def _charges(self, facts: Facts, model: Model, now: float, cap: int) -> tuple[Charge, ...]:
        policy = self._policy
        number = policy.position(model.name)
        charges = policy.limit_index.charges(
            facts, self._request, number, now, policy.timezone, cap
        )
        self._seats = frozenset(
            c.counter.key for c in charges if c.counter.metric is Metric.CONCURRENT
        )
        if not self._seated:
            return charges
        return tuple(c for c in charges if c.counter.key not in self._seated)

    async def _reserve(
        self, facts: Facts, model: Model, charges: tuple[Charge, ...], cap: int
    ) -> Granted | Refused | Unavailable:
        request = self._request
        about = Attribution(
            bounded_id(model.name),
            _named(request.task),
            _named(request.tenant),
            _named(request.user),
            _named(request.team),
            key_id(str(request.key or "")),
            self._policy.revision,
        )
        self._count += 1
        hold = Hold(f"{self._id}#{self._count}", charges, LEASE, about)
        after, self._pending = self._pending, None
        try:
            for _ in range(_TRIES):
                answer = await self._ledger.store.reserve(hold, after)
                if not isinstance(answer, Stale):
                    return answer
                hold = Hold(hold.id, self._charges(facts, model, answer.now, cap), LEASE, about)
        except asyncio.CancelledError:
            self._pending = after  # ending it twice is ending it once
            raise
        except StoreError as error:
            self._pending = after
            return Unavailable(str(error), 1.0)
        self._pending = after
        return Unavailable("the store's clock does not hold still", 1.0)

    async def _settle(self) -> None:
        pending, self._pending = self._pending, None
        if pending is None:
            return
        try:
            done = await finish(self._ledger.store, pending)
        except StoreError as error:
            _log.warning("an attempt could not be settled; its hold expires: %s", error)
            return
        if done.ended is Ended.UNKNOWN:
            _log.warning("the store knows nothing of the hold %s", pending.id)
        self._tell(done.crossed)

    async def _renew(self) -> None:
        while True:
            await self._ledger.sleep(LEASE / 3)
            if self._open is not None:
                with contextlib.suppress(StoreError):  # the next beat tries again
                    await self._ledger.store.renew(self._open, LEASE)

    def _tell(self, crossed: tuple[Crossing, ...]) -> None:
        for each in crossed:
            self._ledger.on_crossing(each, self._request_id, self._policy.revision)

    def _skip(self, model: Model, refusal: Refusal) -> Skip:
        key = refusal.key
        meter = self._meters.get(key.scope)
        words = (
            f"{'budget' if key.is_budget else 'limit'} `{key.name}`: "
            f"{spell_used(key.metric, refusal.used, refusal.cap, key.window)} used, this may take "
            f"{spell(key.metric, refusal.requested)}"
        )
        reason = Reason.BUDGET if key.is_budget else Reason.RATE_LIMIT
        return Skip(model.name, reason, words, refusal.opens, meter.span if meter else None)


def _too_large(answer: Granted | Refused | Unavailable) -> bool:
    """Whether a smaller answer might have had room."""
    return isinstance(answer, Refused) and all(
        refusal.key.metric in _SIZED for refusal in answer.refusals
    )


def _named(fact: object) -> str:
    """Who or what a request says it is for, as the ledger keeps it."""
    return bounded_id(str(fact or ""))


_SIZED: Final = frozenset({Metric.TOKENS, Metric.USD})
"""Metrics that need to know how long an answer may get."""
