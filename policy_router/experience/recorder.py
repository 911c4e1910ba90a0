"""Counts the outcomes of requests as they end. It does no IO; `take` hands over the counts."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from policy_router.domain.durations import LONGEST, bucket_of
from policy_router.domain.outcome import Role
from policy_router.events import ENDINGS, Answered, Exhausted
from policy_router.experience import counts
from policy_router.experience.nodes import Node, OutcomeKey
from policy_router.experience.rated_answers import RatedAnswers
from policy_router.ledger.tallies import DAY
from policy_router.providers.failures.failure import FailureKind
from policy_router.resilience import forks

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy_router.decision.policy import Policy
    from policy_router.domain.attempt import Attempt
    from policy_router.domain.decision import Decision
    from policy_router.events import Event

FAILED: Final = frozenset(
    {
        FailureKind.RATE_LIMITED, FailureKind.QUOTA_EXHAUSTED, FailureKind.MODEL_GONE,
        FailureKind.CONNECT, FailureKind.TIMEOUT, FailureKind.SERVER_ERROR, FailureKind.OVERLOADED,
        FailureKind.CONFLICT, FailureKind.CONNECTION_LOST, FailureKind.MALFORMED,
        FailureKind.EMPTY, FailureKind.STREAM_BROKEN, FailureKind.UNKNOWN,
    }
)  # fmt: skip
"""Transport failures: they affect the reliability of a model, not the quality of its answers."""
DECLINED: Final = frozenset(
    {
        FailureKind.CONTENT_POLICY, FailureKind.CONTEXT_TOO_LONG, FailureKind.BAD_REQUEST,
        FailureKind.UNSUPPORTED,
    }
)  # fmt: skip
"""Failures caused by the request, which count only towards the number of calls."""
JUDGE: Final = "llm"
"""The check that a judge makes."""
_REJECTING: Final = frozenset({counts.FLAGGED, counts.BAD})
MOST_ROWS: Final = 20_000
"""Maximum number of buffered rows; beyond it, outcomes that need new rows are dropped and
counted."""
MOST_CONVERSATIONS: Final = 20_000
"""The most verdicts of conversations that are remembered, so that each counts once."""

_BUCKETS: Final = range(bucket_of(LONGEST) + 1)
_LATENCIES: Final = tuple(f"{counts.LATENCY}{bucket}" for bucket in _BUCKETS)
_FIRST_TOKENS: Final = tuple(f"{counts.FIRST_TOKEN}{bucket}" for bucket in _BUCKETS)

_Key: TypeAlias = tuple[tuple[str, str, str, str], str, Role, str]
"""The values of an `OutcomeKey`, which are found again faster than itself."""
Row: TypeAlias = dict[str, int]
Rows: TypeAlias = dict[tuple[int, OutcomeKey], Row]
_K = TypeVar("_K")
_V = TypeVar("_V")


class OutcomeRecorder:
    """An observer of events that counts outcomes, where the active policy learns.

    Attributes:
        dropped: Calls that were not counted, because too many rows waited to be stored.
    """

    wants = ENDINGS.__contains__

    def __init__(
        self,
        policy: Callable[[], Policy],
        heard: Callable[[str, str, bool], None] = lambda _model, _form, _rejected: None,
    ) -> None:
        """Make a recorder.

        Args:
            policy: The active policy.
            heard: Gets each verdict: the name of the model, the form of the request, and whether
                the answer was rejected.
        """
        self._policy = policy
        self._on_verdict = heard
        self._lock = forks.lock()
        self.dropped = 0
        self._begin()
        forks.follow(self)

    def _begin(self) -> None:
        self._rows: dict[tuple[int, _Key], Row] = {}
        self._heard: OrderedDict[int, None] = OrderedDict()
        self._answers = RatedAnswers[tuple[_Key, int | None]]()

    def after_fork_in_child(self) -> None:
        """Start over: what was gathered is stored by the parent."""
        self._begin()

    def __call__(self, event: Event) -> None:
        """Count the calls of a request that has ended; other events are ignored."""
        if isinstance(event, Answered | Exhausted) and event.attempts:
            served = event.served_by if isinstance(event, Answered) else None
            self.count(event.decision, event.attempts, served, event.time)

    def count(
        self,
        decision: Decision,
        attempts: tuple[Attempt, ...],
        served: str | None,
        time: float,
        role: Role = Role.FIRST,
    ) -> None:
        """Count the calls of one request, where the active policy learns.

        Args:
            decision: What was carried out.
            attempts: The calls, in order.
            served: Name of the model whose answer the caller got; None for no answer.
            time: Unix time.
            role: What the first of these calls was made for.
        """
        if not self._policy().learning.is_on:
            return
        with self._lock:
            verdicts = self._count(decision, attempts, served, int(time // DAY), role)
        form = decision.request.form or ""
        for model, verdict in verdicts:
            self._on_verdict(model, form, verdict in _REJECTING)

    def take(self) -> Rows:
        """Return and clear the counts since the last call."""
        with self._lock:
            rows, self._rows = self._rows, {}
        return {
            (day, OutcomeKey(Node(*node), model, role, prompt)): row
            for (day, (node, model, role, prompt)), row in rows.items()
        }

    def add_feedback(self, decision_id: str, score: float, source: str, time: float) -> bool:
        """Count what someone says about an answer; the last score of each source counts.

        Args:
            decision_id: Id of the decision.
            score: How good the answer is, 0..1.
            source: The source: who or what judged the answer.
            time: Unix time.

        Returns:
            Whether the answer is known: it was given by this process, not long ago.
        """
        with self._lock:
            rated = self._answers.rate(decision_id, source, score)
            if rated is None:
                return False
            (key, group), added, change = rated
            row = self._row(int(time // DAY), key)
            if row is None:
                return False
            for prefix in ("", *_tenant_prefix(group)):
                _add(row, prefix + counts.FEEDBACK, added)
                _add(row, prefix + counts.FEEDBACK_SUM, change)
            return True

    # -- under the lock ------------------------------------------------------------------------

    def _count(
        self,
        decision: Decision,
        attempts: tuple[Attempt, ...],
        served: str | None,
        day: int,
        role: Role,
    ) -> list[tuple[str, str]]:
        """Count the calls of a request; returns the verdicts on answers, by the models' names."""
        verdicts: list[tuple[str, str]] = []
        request, node = decision.request, _node_of(decision)
        group = None if request.tenant is None else counts.tenant_group(request.tenant)
        judges = [each.llm.model.provider_model for each in decision.accept if each.llm is not None]
        for attempt in attempts:
            key = node, attempt.model, role, attempt.prompt or ""
            row = self._row(day, key)
            rejected = attempt.failure == FailureKind.REJECTED
            if rejected:
                role = Role.AFTER_REJECTION
            if row is None:
                self.dropped += 1
                continue
            row[counts.CALLS] = row.get(counts.CALLS, 0) + 1
            if attempt.cost_nano_usd is not None:
                row[counts.COST] = row.get(counts.COST, 0) + attempt.cost_nano_usd
                row[counts.CHARGED] = row.get(counts.CHARGED, 0) + 1
            if attempt.failure is not None and not rejected:
                if attempt.failure in FAILED:
                    _add(row, counts.FAILED, 1)
                elif attempt.failure in DECLINED:
                    _add(row, counts.DECLINED, 1)
                continue
            _measure(row, attempt)
            verdict = _verdict(attempt, judged_by_itself=attempt.provider_model in judges)
            if rejected or verdict in _REJECTING:
                _add(row, counts.REJECTED, 1)
            if verdict is not None:
                _add(row, counts.CHECKED, 1)
            if verdict is not None and self._is_news(request.session, request.tenant, day, key):
                verdicts.append((attempt.model, verdict))
                _add_of(row, verdict, group)
            if attempt.model == served and decision.id:
                self._answers.remember(decision.id, (key, group))
        return verdicts

    def _row(self, day: int, key: _Key) -> Row | None:
        row = self._rows.get((day, key))
        if row is None and len(self._rows) < MOST_ROWS:
            row = self._rows[day, key] = {}
        return row

    def _is_news(self, session: str | None, tenant: str | None, day: int, key: _Key) -> bool:
        """Whether a conversation has no verdict on this model at such requests today."""
        if session is None:
            return True
        name = hash((session, tenant, day, key))
        if name in self._heard:
            return False
        _remember(self._heard, name, None, MOST_CONVERSATIONS)
        return True


def _node_of(decision: Decision) -> tuple[str, str, str, str]:
    """The parts of the narrowest node of a request."""
    situation = decision.situation
    request, task, band = situation.request, situation.task, situation.band
    return (
        "" if task is None else task.name,
        request.form or "",
        request.kind or "",
        "" if band is None else band.name,
    )


def _remember(known: OrderedDict[_K, _V], key: _K, value: _V, most: int) -> None:
    known[key] = value
    if len(known) > most:
        known.popitem(last=False)


def _add(row: Row, name: str, n: int) -> None:
    row[name] = row.get(name, 0) + n


def _add_of(row: Row, verdict: str, group: int | None) -> None:
    """Count a verdict, and that a group of tenants gave it."""
    _add(row, verdict, 1)
    if group is not None:
        _add(row, f"{counts.TENANT}{group} {verdict}", 1)


def _tenant_prefix(group: int | None) -> tuple[str, ...]:
    return () if group is None else (f"{counts.TENANT}{group} ",)


def _measure(row: Row, attempt: Attempt) -> None:
    """Count the time and the tokens of an answer."""
    get, latency = row.get, _LATENCIES[bucket_of(attempt.seconds)]
    row[counts.ANSWERED] = get(counts.ANSWERED, 0) + 1
    row[latency] = get(latency, 0) + 1
    if attempt.first_token is not None:
        _add(row, _FIRST_TOKENS[bucket_of(attempt.first_token)], 1)
    if attempt.tokens_out is not None:
        row[counts.METERED] = get(counts.METERED, 0) + 1
        row[counts.TOKENS_OUT] = get(counts.TOKENS_OUT, 0) + attempt.tokens_out
        row[counts.TOKENS_IN] = get(counts.TOKENS_IN, 0) + (attempt.tokens_in or 0)


def _verdict(attempt: Attempt, *, judged_by_itself: bool) -> str | None:
    """The verdict on an answer: of the checks that reject it, else of a judge that is another model
    than it, else of the checks that it passed."""
    rejected, passed = attempt.rejected, attempt.passed
    if not (rejected or passed) or (attempt.failure == FailureKind.REJECTED and not rejected):
        return None  # a program does not say why it rejects an answer that passed its checks
    if len(rejected) > rejected.count(JUDGE):
        return counts.FLAGGED
    if not judged_by_itself and (JUDGE in rejected or JUDGE in passed):
        return counts.BAD if JUDGE in rejected else counts.GOOD
    return counts.ACCEPTED if len(passed) > passed.count(JUDGE) else None
