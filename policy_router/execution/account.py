"""Reserves the most that an attempt may use before it is sent, and settles what it used.

    account = accounting.account(policy, situation)
    skip = await account.open(candidate.model)       # None: it may be sent
    account.ended(usage, failure, produced)
    await account.close()

A request has one hold at a time: a fallback ends the last hold and takes the next one in one step.
A hold has a lease, which is renewed while its attempt runs, so that those of a dead process expire.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from policy_router.decision.abilities import HOSTED_TOOLS
from policy_router.decision.wording import spell_exhausted
from policy_router.domain.decision import Reason, Skip
from policy_router.domain.identity import bounded_id, key_id
from policy_router.domain.limits import Metric
from policy_router.errors import StoreError
from policy_router.execution.billing import UpperBound, charge_of
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
    from policy_router.domain.limits import Charge, CounterKey, Limit
    from policy_router.domain.models import Model
    from policy_router.domain.request import Request
    from policy_router.ledger.store import Crossing, Refusal, Settlement, Store
    from policy_router.providers.chat import Usage
    from policy_router.providers.failure import Failure

_log: Final = logging.getLogger(__name__)
LEASE: Final = 30.0
"""Seconds until the hold of a dead process expires, charged in full."""
_TRIES: Final = 3
"""How often a reservation is made anew because a period, such as a day, ended meanwhile."""


OnCrossing: TypeAlias = "Callable[[Crossing, str | None, str], None]"
"""Gets a threshold that was passed, the id of the decision whose request passed it or None, and the
revision of the policy."""


@dataclass(frozen=True, slots=True)
class AccountContext:
    """What the accounts of all requests share.

    Attributes:
        store: Where the counters are.
        clock: Unix time in seconds.
        sleep: Waits between two renewals.
        new_id: Names holds. Names of about the same time are neighbours in the index of a store, so
            that a commit touches few pages.
        on_crossing: Gets every threshold of a budget that was passed.
        finish: Finishes a piece of work even when its caller is cancelled meanwhile.
    """

    store: Store
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[object]]
    new_id: Callable[[], str]
    on_crossing: OnCrossing
    finish: Callable[[Awaitable[None]], Awaitable[None]]


class RequestAccount:
    """The holds of one request. Not shared between tasks.

    Attributes:
        actual: The charge of the attempt that ended last; None when nothing was sent.
        overrun: Whether that attempt used more than was reserved for it.
    """

    def __init__(
        self,
        context: AccountContext,
        policy: Policy,
        request: Request,
        facts: Facts | None,
        held_slots: frozenset[CounterKey] = frozenset(),
        *,
        request_id: str | None = None,
    ) -> None:
        """Opens an account without a hold.

        Args:
            context: What the accounts share.
            policy: Says what is counted.
            request: What is sent.
            facts: The request as the policy sees it; None when nothing is counted.
            held_slots: Concurrency counters in which the request has a slot already.
            request_id: Id of the decision.
        """
        self._context = context
        self._policy = policy
        self._request = request
        self._facts = facts
        self._held_slots = held_slots
        self._request_id = request_id
        self._slots: frozenset[CounterKey] = frozenset()
        self._limits: Mapping[CounterKey, Limit] = {x.key(): x for x in policy.limits}
        self._id = context.new_id()
        self._count = 0
        self._open: str | None = None
        self._pending: Ending | None = None
        self._bound = UpperBound(0, 0, None)
        self._cap: int | None = None
        self._renewal: asyncio.Task[None] | None = None
        self._model = ""
        self.actual: Settlement | None = None
        self.overrun = False

    @property
    def output_cap(self) -> int | None:
        """Tokens that the answer of the open attempt may have; None when it needs no cap."""
        return self._cap

    async def open(self, model: Model) -> Skip | None:
        """Reserves the most that a call of this model may use, and ends the hold before it.

        An attempt that no limit or budget covers reserves nothing: its hold only gets it into the
        ledger, and is not refused when the store is out of reach.

        Returns:
            None when the call may be made, else the limit or budget without room for it.
        """
        self._cap = None if self._request.max_tokens is not None else model.default_output
        facts = self._facts
        if facts is None:
            self._expect(model, model.full_output(self._request))
            return None
        number = self._policy.position(model.name)
        caps = self._policy.limit_index.output_caps(facts, self._request, number)
        for cap in caps:  # each is smaller than the one before, in case money or tokens are short
            self._expect(model, cap)
            charges = self._charges(facts, model, self._context.clock(), cap)
            answer = await self._reserve(facts, model, charges, cap)
            if not _too_large(answer):
                break
        if isinstance(answer, Granted):
            if any(c.cap is not None and c.counter.metric in _SIZED for c in charges):
                self._cap = self._cap_to_send(model, cap)
            self._open = answer.id
            self._report(answer.crossed)
            if self._renewal is None:
                self._renewal = asyncio.ensure_future(self._renew())
            return None
        if isinstance(answer, Unavailable):
            self._report(answer.crossed)
            if not charges:
                return None  # what is pending is settled by `close`
            await self._settle()
            return Skip(model.name, Reason.STATE, answer.detail, span=model.span)
        self._report(answer.crossed)
        return self._skip(model, answer.refusals[0])

    def _expect(self, model: Model, cap: int) -> None:
        """Notes the most that an attempt may use when each answer has up to `cap` tokens."""
        request, self._model = self._request, model.name
        sizes = [size for size in (model.context, model.max_output) if size is not None]
        self._bound = UpperBound(
            model.most_input(request),
            cap * request.answers,
            None if model.free else model.price,
            "reasoning" in model.abilities,
            HOSTED_TOOLS in request.needs,
            model.context,
            None if model.context is None else max(sizes) * request.answers,
        )

    def _cap_to_send(self, model: Model, cap: int) -> int | None:
        """The cap to send; None where only the model's context limits its answer, which it does
        without a cap."""
        unbounded = model.max_output is None and cap == model.full_output(self._request)
        natural = unbounded and cap > model.output_cap(self._request.max_tokens)
        return None if natural else cap

    def side_account(self, tokens: int, output: int) -> RequestAccount:
        """Opens an account for another call within the request.

        The open attempt keeps its hold. Where it has a concurrency slot, the other call needs none.

        Args:
            tokens: Tokens in, at most.
            output: Tokens out, at most.
        """
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
            self._context,
            self._policy,
            request,
            self._facts,
            self._slots,
            request_id=self._request_id,
        )

    def ended(self, usage: Usage, failure: Failure | None, produced: int) -> None:
        """Notes how the open attempt ended; it is settled with the next `open`, or by `close`.

        Args:
            usage: What the provider counted.
            failure: Why it failed; None when it answered.
            produced: Bytes of the answer.
        """
        actual = charge_of(self._bound, usage, failure, produced)
        self.actual = actual
        self.overrun = actual is not None and self._bound.exceeded(usage, actual)
        if self.overrun:
            _log.warning(
                "%s counted %s tokens in and %s out, more than was reserved (%d and %d)",
                self._model, usage.prompt_tokens, usage.completion_tokens,
                self._bound.tokens_in, self._bound.tokens_out,
            )  # fmt: skip
        if self._open is not None:
            self._pending = Ending(self._open, actual)
            self._open = None

    async def close(self) -> None:
        """Settles what is not settled yet. Never raises: what cannot be settled expires."""
        if self._renewal is not None:
            self._renewal.cancel()
            self._renewal = None
        if self._pending is not None:
            await self._context.finish(self._settle())

    def _charges(self, facts: Facts, model: Model, now: float, cap: int) -> tuple[Charge, ...]:
        policy = self._policy
        number = policy.position(model.name)
        charges = policy.limit_index.charges(
            facts, self._request, number, now=now, zone=policy.timezone, output_cap=cap
        )
        self._slots = frozenset(
            c.counter.key for c in charges if c.counter.metric is Metric.CONCURRENT
        )
        if not self._held_slots:
            return charges
        return tuple(c for c in charges if c.counter.key not in self._held_slots)

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
                answer = await self._context.store.reserve(hold, after)
                if not isinstance(answer, Stale):
                    return answer
                hold = Hold(hold.id, self._charges(facts, model, answer.now, cap), LEASE, about)
        except asyncio.CancelledError:
            self._pending = after  # to end a hold twice is to end it once
            raise
        except StoreError as error:
            self._pending = after
            return Unavailable(str(error), 1.0)
        self._pending = after
        return Unavailable("the clock of the store jumps from period to period", 1.0)

    async def _settle(self) -> None:
        pending, self._pending = self._pending, None
        if pending is None:
            return
        try:
            done = await finish(self._context.store, pending)
        except StoreError as error:
            _log.warning("an attempt could not be settled; its hold expires: %s", error)
            return
        if done.ended is Ended.UNKNOWN:
            _log.warning("the store does not know the hold %s", pending.id)
        self._report(done.crossed)

    async def _renew(self) -> None:
        while True:
            await self._context.sleep(LEASE / 3)
            if self._open is not None:
                with contextlib.suppress(StoreError):  # the next renewal tries again
                    await self._context.store.renew(self._open, LEASE)

    def _report(self, crossed: tuple[Crossing, ...]) -> None:
        for crossing in crossed:
            self._context.on_crossing(crossing, self._request_id, self._policy.revision)

    def _skip(self, model: Model, refusal: Refusal) -> Skip:
        key = refusal.key
        limit = self._limits.get(key.scope)
        detail = spell_exhausted(key, refusal.used, refusal.cap, refusal.requested)
        reason = Reason.BUDGET if key.is_budget else Reason.RATE_LIMIT
        return Skip(model.name, reason, detail, refusal.opens, limit.span if limit else None)


def _too_large(answer: Granted | Refused | Unavailable) -> bool:
    """Whether there might be room for a smaller answer."""
    return isinstance(answer, Refused) and all(
        refusal.key.metric in _SIZED for refusal in answer.refusals
    )


def _named(fact: object) -> str:
    """A fact of a request as the ledger keeps it."""
    return bounded_id(str(fact or ""))


_SIZED: Final = frozenset({Metric.TOKENS, Metric.USD})
"""Metrics that depend on the length of the answer."""
