"""What a router reports: sums over requests, and what is left of a budget or a limit."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from policy_router.base_errors import UsageError
from policy_router.domain.identity import bounded_id, key_id
from policy_router.domain.limits import ANYONE, Charge
from policy_router.errors import StoreError
from policy_router.ledger.degraded import DegradableStore
from policy_router.ledger.reader import AuditableStore
from policy_router.quoting import quoted, unknown
from policy_router.reports.age import seconds_back
from policy_router.reports.forecasts import forecasts
from policy_router.reports.remaining import RemainingAmount, fullest
from policy_router.reports.report import TOP
from policy_router.reports.usage import counter_usages

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy_router.decision.policy import Policy
    from policy_router.domain.limits import Limit
    from policy_router.journal.journal import Journal
    from policy_router.ledger.store import Store
    from policy_router.reports.report import Forecast, ReportGrouping, TrafficReport
    from policy_router.reports.usage import CounterUsage
    from policy_router.router.sync import LoopThread


class ReportMethods(ABC):
    """The methods of a router that report what was used, what it cost and what is left."""

    _journal: Journal | None
    _store: Store
    _time: Callable[[], float]

    @property
    @abstractmethod
    def policy(self) -> Policy:
        """The active policy."""

    @abstractmethod
    def _own_loop(self, method: str) -> LoopThread: ...

    async def areport(
        self,
        since: float | str = "30d",
        until: float | None = None,
        by: ReportGrouping | None = None,
        top: int = TOP,
    ) -> TrafficReport:
        """Report on the requests of a period, from the journal.

        What waits to be written is written first. Forecasts need a store of counters that can be
        reached.

        Args:
            since: Unix time from which on calls are counted, or an age such as `24h` or `30d`.
            until: Unix time before which they were sent. Default: now.
            by: What figures are grouped by, such as `model` or `day`. Default: no groups.
            top: How many groups are shown at most, those with the highest cost; `others` has the
                rest together. Days and hours are all shown.

        Returns:
            The report.

        Raises:
            UsageError: The router keeps no journal, or an argument has an invalid value.
            StoreError: The journal cannot be read.
        """
        from policy_router.reports.traffic import ReportQuery, read_report  # noqa: PLC0415  SQLAlchemy is slow to import

        journal, policy, now = self._journal, self.policy, self._time()
        if journal is None:
            raise UsageError(
                "reports need a journal: open the router with `journal=`, or serve with --journal"
            )
        began = now - seconds_back(since) if isinstance(since, str) else since
        query = ReportQuery(since=began, until=now if until is None else until, by=by, top=top)
        counters = await self._counters(policy, now)

        def read() -> TrafficReport:
            journal.flush()
            with journal.reader() as reader:
                return read_report(reader, policy, query, counters, now)

        return await asyncio.to_thread(read)

    def report(
        self,
        since: float | str = "30d",
        until: float | None = None,
        by: ReportGrouping | None = None,
        top: int = TOP,
    ) -> TrafficReport:
        """Do the same as `areport`, with the same arguments, without an event loop."""
        return self._own_loop("report").run(self.areport(since, until, by, top))

    async def aforecasts(self) -> tuple[Forecast, ...]:
        """Say what each budget and quota with a cap shows now, and how it ends at this pace.

        Returns:
            One value for each counter, in the order of the policy; empty where the store cannot be
            read, or keeps nothing that can be listed.
        """
        policy, now = self.policy, self._time()
        return forecasts(await self._counters(policy, now), now, policy.timezone)

    async def aremaining(
        self,
        name: str,
        *,
        tenant: str | None = None,
        user: str | None = None,
        team: str | None = None,
        key: str | None = None,
        session: str | None = None,
    ) -> RemainingAmount:
        """Read what is left of a budget or a limit.

            left = await router.aremaining("each-user", user="ada")

        Args:
            name: Its name in the policy, or the name of a model with limits of its own.
            tenant: The tenant, where it counts per tenant.
            user: The user, where it counts per user.
            team: The team, where it counts per team.
            key: The key of the caller, where it counts per key.
            session: The session, where it counts per session.

        Returns:
            What is left. Where several things are counted by that name, such as requests and
            tokens, that of which the smallest share is left.

        Raises:
            UsageError: The policy has no such budget or limit, or it counts by a fact that is not
                given.
            StoreError: The counter cannot be read.
        """
        policy, now = self.policy, self._time()
        named = [limit for limit in policy.limits if limit.name == name]
        if not named:
            names = dict.fromkeys(limit.name for limit in policy.limits)
            raise UsageError(unknown("budget or limit of the policy", name, names))
        given = {"tenant": tenant, "user": user, "team": team, "key": key, "session": session}
        subjects = [_subject(limit, given) for limit in named]
        charges = [
            Charge(limit.counter(subject, now, policy.timezone), 1, limit.of(subject).cap)
            for limit, subject in zip(named, subjects, strict=True)
        ]
        readings = await self._store.read(charges)
        found = []
        for limit, subject, charge, reading in zip(named, subjects, charges, readings, strict=True):
            if reading is None:
                raise StoreError(f"the counter of `{quoted(name)}` cannot be read now")
            found.append(RemainingAmount.of(limit.of(subject), subject, charge.counter, reading))
        return fullest(found)

    def remaining(
        self,
        name: str,
        *,
        tenant: str | None = None,
        user: str | None = None,
        team: str | None = None,
        key: str | None = None,
        session: str | None = None,
    ) -> RemainingAmount:
        """Do the same as `aremaining`, with the same arguments, without an event loop."""
        return self._own_loop("remaining").run(
            self.aremaining(
                name, tenant=tenant, user=user, team=team, key=key, session=session
            )
        )  # fmt: skip

    async def _counters(self, policy: Policy, now: float) -> tuple[CounterUsage, ...]:
        """What the counters show; nothing where they cannot be read."""
        store: object = self._store
        if isinstance(store, DegradableStore):
            store = store.auditable
        if not isinstance(store, AuditableStore):
            return ()
        try:
            return await counter_usages(policy, store, now)
        except StoreError:
            return ()


def _subject(limit: Limit, given: dict[str, str | None]) -> str:
    """Whose counter of a limit is read."""
    if limit.per is None:
        return ANYONE
    value = given.get(limit.per)
    if not value:
        raise UsageError(
            f"`{quoted(limit.name)}` counts per {limit.per}: say which, as `{limit.per}=`"
        )
    return key_id(value) if limit.per == "key" else bounded_id(value)
