"""Reserves the most that an attempt may use before it is sent, and settles what it used.

account = accounting.account(policy, situation)
skip = await account.open(candidate.model)       # None: it may be sent
account.ended(usage, failure, produced, sent)
await account.close()
"""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from policy_router.decision.abilities import HOSTED_TOOLS
from policy_router.decision.wording import spell_exhausted
from policy_router.domain.decision import Reason, Skip
from policy_router.domain.identity import bounded_id, key_id
from policy_router.domain.limits import Metric
from policy_router.execution.accounts.billing import UpperBound, charge_of
from policy_router.execution.accounts.holds import Holds
from policy_router.frozen import maker
from policy_router.ledger.store import Attribution, Granted, Refused, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy_router.decision.policy import Policy
    from policy_router.domain.condition import Facts
    from policy_router.domain.limits import Charge, CounterKey
    from policy_router.domain.models import Model
    from policy_router.domain.request import Request
    from policy_router.execution.accounts.holds import AccountContext
    from policy_router.ledger.store import Refusal, Settlement
    from policy_router.providers.answers.chat import Usage
    from policy_router.providers.failures.failure import Failure

_log: Final = logging.getLogger(__name__)
_new_attribution: Final = maker(Attribution)
_new_bound: Final = maker(UpperBound)
_NOTHING: Final = UpperBound(0, 0, None)
"""The most that an attempt may use before there is one."""


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
        self._charged: tuple[Charge, ...] = ()
        self._holds = Holds(context, request_id, policy.revision)
        self._bound = _NOTHING
        self._cap: int | None = None
        self._model = ""
        self._remaining: Callable[[], float] = lambda: math.inf
        self.actual: Settlement | None = None
        self.overrun = False

    def end_within(self, remaining: Callable[[], float]) -> None:
        """Takes the deadline that the store must not delay.

        Args:
            remaining: Gives the seconds until then.
        """
        self._remaining = remaining

    @property
    def output_cap(self) -> int | None:
        """Tokens that the answer of the open attempt may have; None when it needs no cap."""
        return self._cap

    async def open(self, model: Model) -> Skip | None:
        """Reserves the most that a call of this model may use, and ends the hold before it.

        An attempt that no limit or budget covers reserves nothing: its hold only gets it into the
        ledger, and is not refused when the store is unreachable.

        Returns:
            None when the call may be made, else the limit or budget without room for it.
        """
        stated = model.sent_cap(self._request.max_tokens)
        self._cap = model.default_output if stated is None else None
        facts, now = self._facts, self._context.clock()
        if facts is None:
            self._expect(model, model.full_output(self._request), now)
            return None
        number = self._policy.position(model.name)
        caps = self._policy.limit_index.output_caps(facts, self._request, number, now, model)
        for cap in caps:  # each is smaller than the one before, in case money or tokens are short
            self._expect(model, cap, now)
            charges_at = partial(self._charges, facts, model, cap, now)
            charges = charges_at(now)
            # The call needs time too: waiting for the store takes half of it at most.
            seconds = self._remaining() / 2
            about = self._attribution(model)
            answer = await self._holds.reserve(charges, charges_at, about, seconds)
            if not _too_large(answer):
                break
        if isinstance(answer, Granted):
            for charge in charges:
                if charge.cap is not None and charge.counter.key.metric in _SIZED:
                    self._cap = self._cap_to_send(model, cap)
                    break
            return None
        if isinstance(answer, Unavailable):
            if not charges:
                return None  # what is pending is settled by `close`
            await self._holds.settle(self._remaining() / 2)
            return Skip(model.name, Reason.STATE, answer.detail, span=model.span)
        return self._skip(model, answer.refusals[0])

    def _expect(self, model: Model, cap: int, now: float) -> None:
        """Notes the most that an attempt may use when each answer has up to `cap` tokens."""
        request, self._model = self._request, model.name
        sizes = [size for size in (model.context, model.max_output) if size is not None]
        self._bound = _new_bound(
            model.most_input(request),
            cap * request.answers,
            None if model.free else model.price,
            "reasoning" in model.abilities,
            HOSTED_TOOLS in request.needs,
            model.context,
            None if model.context is None else max(sizes) * request.answers,
            request.pictures + request.thumbnails,
            (now, self._policy.limit_index.longest),
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
        slots = (c.counter.key for c in self._charged if c.counter.metric is Metric.CONCURRENT)
        account = RequestAccount(
            self._context,
            self._policy,
            request,
            self._facts,
            frozenset(slots),
            request_id=self._request_id,
        )
        account.end_within(self._remaining)
        return account

    def ended(
        self, usage: Usage, failure: Failure | None, produced: int, sent: float | None = None
    ) -> None:
        """Notes how the open attempt ended; it is settled with the next `open`, or by `close`.

        Args:
            usage: What the provider counted.
            failure: Why it failed; None when it answered.
            produced: Bytes of the answer.
            sent: Unix time at which it was sent, whose price it is charged; None means the highest
                price that may have been in force.
        """
        actual = charge_of(self._bound.sent_at(sent), usage, failure, produced)
        self.actual = actual
        self.overrun = actual is not None and self._bound.exceeded(usage, actual)
        if self.overrun:
            _log.warning(
                "%s counted %s tokens in and %s out, more than was reserved (%d and %d)",
                self._model, usage.prompt_tokens, usage.completion_tokens,
                self._bound.tokens_in, self._bound.tokens_out,
            )  # fmt: skip
        self._holds.end(actual)

    def cost_of(
        self, model: Model, usage: Usage, failure: Failure | None, produced: int, sent: float
    ) -> Settlement | None:
        """What a call that was made elsewhere costs; no limit and no budget counts it.

        Args:
            model: What was called.
            usage: What the provider counted.
            failure: Why it failed; None when it answered.
            produced: The most tokens that its answer can have.
            sent: Unix time at which it was sent.
        """
        self._expect(model, model.full_output(self._request), sent)
        return charge_of(self._bound.sent_at(sent), usage, failure, produced)

    def unused(self) -> None:
        """Notes that nothing is sent on the open hold."""
        self.actual, self.overrun = None, False
        self._holds.end(None)

    async def close(self) -> None:
        """Settles what is not settled yet. Never raises: what cannot be settled expires.

        Waits for a slow store as `settled_within` does.
        """
        await self._holds.close(self._remaining())

    def _charges(
        self, facts: Facts, model: Model, cap: int, priced_from: float, now: float
    ) -> tuple[Charge, ...]:
        policy = self._policy
        number = policy.position(model.name)
        charges = policy.limit_index.charges(
            facts,
            self._request,
            number,
            now=now,
            zone=policy.timezone,
            output_cap=cap,
            priced_from=priced_from,
            called=model,
        )
        self._charged = charges
        if not self._held_slots:
            return charges
        return tuple(c for c in charges if c.counter.key not in self._held_slots)

    def _attribution(self, model: Model) -> Attribution:
        """What the ledger keeps of an attempt."""
        request = self._request
        return _new_attribution(
            bounded_id(model.name),
            _named(request.task),
            _named(request.tenant),
            _named(request.user),
            _named(request.team),
            key_id(str(request.key)) if request.key else "",
            self._policy.revision,
            _named(request.session),
        )

    def _skip(self, model: Model, refusal: Refusal) -> Skip:
        key = refusal.key
        limit = next((each for each in self._policy.limits if each.key() == key.scope), None)
        detail = spell_exhausted(key, refusal.used, refusal.cap, refusal.requested)
        reason = Reason.BUDGET if key.is_budget else Reason.RATE_LIMIT
        span, too_large = limit.span if limit else None, refusal.used < refusal.cap
        return Skip(model.name, reason, detail, refusal.opens, span, too_large)


def _too_large(answer: Granted | Refused | Unavailable) -> bool:
    """Whether there might be room for a smaller answer."""
    return isinstance(answer, Refused) and all(
        refusal.key.metric in _SIZED for refusal in answer.refusals
    )


def _named(fact: object) -> str:
    """A fact of a request as the ledger keeps it."""
    return bounded_id(str(fact)) if fact else ""


_SIZED: Final = frozenset({Metric.TOKENS, Metric.USD})
"""Metrics that depend on the length of the answer."""
