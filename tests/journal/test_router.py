"""A router keeps what every call came to."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from policy_router.base_errors import UsageError
from policy_router.decision.decide import decide
from policy_router.domain.outcome import Outcome, RequestEnding, Role
from policy_router.domain.request import Request
from policy_router.errors import (
    AllModelsFailedError,
    BudgetExceededError,
    NoCandidateError,
    StreamBrokenError,
    UnknownDecisionError,
)
from policy_router.events import Attempted, JournalChanged, OutcomesDropped
from policy_router.journal.journal import Journal
from policy_router.loading import load
from policy_router.providers.answers.chat import Usage
from policy_router.providers.failures.failure import Failure, FailureKind
from policy_router.router.router import Router
from tests.execution.make import FakeCaller, chunk, response, spoken

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from policy_router.events import Event

POLICY = """
version: 1
name: team
tiers: [light, heavy]
models:
  small: { model: openai/small, tier: light, price: { input: $1/M, output: $2/M },
           api_key_env: SMALL_KEY }
  big: { model: openai/big, tier: heavy, price: { input: $10/M, output: $20/M } }
complexity: { bands: { easy: { from: 0, min_tier: light }, hard: { from: 0.6, min_tier: heavy } } }
tasks: { extract: { accept: { json: true } }, chat: {} }
rules:
  - { name: no secrets, when: "'secret' in tags", deny: "not here" }
  - { name: small first, when: "task == 'chat'", first: [small] }
budgets: { all: { cap: $100/day } }
"""
HELLO = [{"role": "user", "content": "a prompt that is nowhere to be found"}]
USED = {"prompt_tokens": 1_000, "completion_tokens": 500, "cached_tokens": 200}
SERVER_ERROR = Failure(FailureKind.SERVER_ERROR, "down", 500)


class AnswersInTurn(FakeCaller):
    """Plays one script, whichever model is called."""

    def __init__(self, *script: Any) -> None:
        super().__init__(small=[], big=[])
        self._scripts = {"small": (turns := list(script)), "big": turns}


class Scene:
    """A router with a journal in a file, and what it was asked."""

    def __init__(self, folder: Path, caller: FakeCaller, policy: str = POLICY) -> None:
        path = folder / "policy.yaml"
        path.write_text(policy)
        self.events: list[Event] = []
        self.file = folder / "journal.db"
        self.journal = Journal(f"sqlite:///{self.file}", patience=0.2)
        self.router = Router(load(path), caller, journal=self.journal, on_event=self.events.append)

    def outcomes(self) -> list[Outcome]:
        """Everything that was kept, in order."""
        self.journal.flush()
        with self.journal.reader() as reader:
            return list(reader.outcomes())


def play(scene: Scene, work: Callable[[Router], Any]) -> None:
    async def whole() -> None:
        async with scene.router:
            await work(scene.router)

    asyncio.run(whole())


def reopened(scene: Scene) -> list[Outcome]:
    with scene.journal.reader() as reader:
        return list(reader.outcomes())


def test_an_answered_request(tmp_path: Path) -> None:
    scene = Scene(tmp_path, AnswersInTurn(response(usage=USED)))

    async def work(router: Router) -> None:
        await router.acompletion(
            HELLO, task="chat", complexity="easy", user="ada", tenant="acme", team="core",
            key="secret-key", session="s1", max_tokens=100,
        )  # fmt: skip

    play(scene, work)
    (outcome,) = reopened(scene)
    assert (outcome.model, outcome.provider, outcome.tier) == ("small", "openai", "light")
    assert (outcome.role, outcome.rank, outcome.served) == (Role.FIRST, 1, True)
    assert (outcome.task, outcome.band, outcome.rules) == ("chat", "easy", ("small first",))
    assert (outcome.user, outcome.tenant, outcome.team) == ("ada", "acme", "core")
    assert (outcome.session, outcome.key_env, outcome.stream) == ("s1", "SMALL_KEY", False)
    assert str(outcome.key).startswith("sha256:")
    assert (outcome.ok, outcome.failure, outcome.ending) == (True, None, RequestEnding.ANSWERED)
    assert (outcome.tokens_in, outcome.tokens_out, outcome.tokens_cached) == (1_000, 500, 200)
    assert outcome.cost == 2_000_000
    assert outcome.estimate is not None
    assert outcome.revision == scene.router.policy.revision


def test_a_failure_and_a_rejection_have_rows_of_their_own(tmp_path: Path) -> None:
    scene = Scene(tmp_path, AnswersInTurn(SERVER_ERROR, response("no json"), response("{}")))

    async def work(router: Router) -> None:
        await router.acompletion(HELLO, task="extract")

    play(scene, work)
    first, *_, last = rows = reopened(scene)
    assert (first.failure, first.ok, first.ending, first.served) == (
        "server_error", False, None, False,
    )  # fmt: skip
    rejected = next(row for row in rows if row.failure == "rejected")
    assert (rejected.rejected, rejected.accepted, rejected.role) == (
        ("json",), False, Role.AFTER_FAILURE,
    )  # fmt: skip
    assert (last.role, last.passed, last.served) == (Role.AFTER_REJECTION, ("json",), True)
    assert (last.ending, last.feedback) == (RequestEnding.ANSWERED, 1.0)
    assert [row.rank for row in rows] == list(range(1, len(rows) + 1))


def test_an_answer_that_no_check_passed(tmp_path: Path) -> None:
    scene = Scene(tmp_path, AnswersInTurn(response("no"), response("neither")))

    async def work(router: Router) -> None:
        await router.acompletion(HELLO, task="extract")

    play(scene, work)
    rows = reopened(scene)
    assert [row.served for row in rows].count(True) == 1
    assert (rows[-1].ending, [r.feedback for r in rows if r.served]) == (
        RequestEnding.REJECTED, [0.0],
    )  # fmt: skip


def test_a_denied_request(tmp_path: Path) -> None:
    scene = Scene(tmp_path, FakeCaller())

    async def work(router: Router) -> None:
        with pytest.raises(NoCandidateError):
            await router.acompletion(HELLO, tags=["secret"])

    play(scene, work)
    (outcome,) = reopened(scene)
    assert (outcome.role, outcome.model, outcome.rank) == (Role.REFUSED, "", 0)
    assert (outcome.failure, outcome.ending) == ("denied", RequestEnding.DENIED)
    assert "no secrets" in outcome.rules


def test_a_budget_that_is_spent(tmp_path: Path) -> None:
    policy = POLICY.replace("$100", "$0.000001")
    scene = Scene(tmp_path, FakeCaller(), policy)

    async def work(router: Router) -> None:
        with pytest.raises(BudgetExceededError):
            await router.acompletion(HELLO, max_tokens=10)

    play(scene, work)
    (outcome,) = reopened(scene)
    assert (outcome.failure, outcome.ending) == ("budget", RequestEnding.DENIED)


def test_a_request_that_every_model_fails(tmp_path: Path) -> None:
    scene = Scene(tmp_path, AnswersInTurn(*[SERVER_ERROR] * 9))

    async def work(router: Router) -> None:
        with pytest.raises(AllModelsFailedError):
            await router.acompletion(HELLO)

    play(scene, work)
    rows = reopened(scene)
    assert {row.failure for row in rows} == {"server_error"}
    assert [row.ending for row in rows] == [*[None] * (len(rows) - 1), RequestEnding.FAILED]


def test_streams_that_end_and_that_break(tmp_path: Path) -> None:
    broken = [chunk("half"), SERVER_ERROR]
    scene = Scene(tmp_path, AnswersInTurn(spoken("hello"), broken))

    async def work(router: Router) -> None:
        async with await router.acompletion(HELLO, stream=True) as stream:
            async for _ in stream:
                pass
        stream = await router.acompletion(HELLO, stream=True)
        with pytest.raises(StreamBrokenError):
            [part async for part in stream]

    play(scene, work)
    whole, half, *_, last = reopened(scene)
    assert (whole.ok, whole.stream, whole.first_token is not None) == (True, True, True)
    assert (half.failure, last.ending) == ("stream_broken", RequestEnding.FAILED)


def test_a_request_that_is_cancelled(tmp_path: Path) -> None:
    scene = Scene(tmp_path, AnswersInTurn([chunk("half"), chunk("more")]))

    async def work(router: Router) -> None:
        async with await router.acompletion(HELLO, stream=True) as stream:
            await anext(stream)

    play(scene, work)
    (outcome,) = reopened(scene)
    assert (outcome.failure, outcome.ending) == ("cancelled", RequestEnding.STOPPED)


def test_no_text_is_ever_in_the_file(tmp_path: Path) -> None:
    said = "an answer that is nowhere to be found"
    scene = Scene(tmp_path, AnswersInTurn(response(said), SERVER_ERROR, response(said)))

    async def work(router: Router) -> None:
        for task in ("chat", "extract"):
            await router.acompletion(HELLO, task=task, key="sk-secret", user="ada")

    play(scene, work)
    assert reopened(scene)
    content = b"".join(path.read_bytes() for path in tmp_path.glob("journal.db*"))
    assert b"ada" in content
    for text in (HELLO[0]["content"], said, "sk-secret", "down"):
        assert text.encode() not in content
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("journal.db*")} == {0o600}


# -- feedback --------------------------------------------------------------------------------


def test_feedback_may_come_before_the_batch_is_written(tmp_path: Path) -> None:
    scene = Scene(tmp_path, AnswersInTurn(response()))

    async def work(router: Router) -> None:
        answer = await router.acompletion(HELLO)
        await router.afeedback(answer.decision_id, 0.25, label="too_long", by="ada")

    play(scene, work)
    (outcome,) = reopened(scene)
    assert outcome.feedback == 0.25
    with scene.journal.reader() as reader:
        (given,) = reader.feedback(outcome.decision)
    assert (given.score, given.label, given.source) == (0.25, "too_long", "ada")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"score": 1.5}, "from 0 to 1"),
        ({"score": float("nan")}, "from 0 to 1"),
        ({"score": 10**400}, "from 0 to 1"),
        ({"score": True}, "from 0 to 1"),
        ({"score": 1.0, "by": "check"}, "policy's checks"),
        ({"score": 1.0, "by": ""}, "`source`"),
        ({"score": 1.0, "label": "x" * 65}, "`label`"),
        ({"score": 1.0, "label": "\ud800"}, "`label`"),
        ({"score": 1.0, "label": "a\nb"}, "`label`"),
    ],
)
def test_feedback_that_is_refused(tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    scene = Scene(tmp_path, AnswersInTurn(response()))

    async def work(router: Router) -> None:
        with pytest.raises(UsageError, match=message):
            await router.afeedback("d1", **arguments)

    play(scene, work)


@pytest.mark.parametrize("odd", ["\ud800", "a\0b", "\0" * 200])
def test_feedback_with_odd_characters_costs_no_other_feedback(tmp_path: Path, odd: str) -> None:
    scene = Scene(tmp_path, AnswersInTurn(response()))

    async def work(router: Router) -> None:
        answer = await router.acompletion(HELLO)
        with pytest.raises(UnknownDecisionError):
            await router.afeedback(odd, 1.0)
        await router.afeedback(answer.decision_id, 0.25, by=odd)
        await router.afeedback(answer.decision_id, 0.75, by="ada")

    play(scene, work)
    assert [outcome.feedback for outcome in reopened(scene)] == [0.5]
    assert not any(isinstance(event, JournalChanged) for event in scene.events)


def test_a_tenant_with_a_long_name_may_judge_its_answers(tmp_path: Path) -> None:
    scene, tenant = Scene(tmp_path, AnswersInTurn(response())), "them" * 50

    async def work(router: Router) -> None:
        answer = await router.acompletion(HELLO, tenant=tenant)
        await router.afeedback(answer.decision_id, 1.0, tenants=[tenant])

    play(scene, work)
    assert [outcome.feedback for outcome in reopened(scene)] == [1.0]


def test_feedback_on_an_unknown_decision(tmp_path: Path) -> None:
    scene = Scene(tmp_path, AnswersInTurn(response()))

    async def work(router: Router) -> None:
        answer = await router.acompletion(HELLO, tenant="them")
        with pytest.raises(UnknownDecisionError, match="has no decision with this id"):
            await router.afeedback("never", 1.0)
        with pytest.raises(UnknownDecisionError):
            await router.afeedback(answer.decision_id, 1.0, tenants=["us"])

    play(scene, work)
    assert [outcome.feedback for outcome in reopened(scene)] == [None]


def test_without_a_journal_feedback_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    with Router(load(path), FakeCaller()) as router:
        assert router.journal is None
        with pytest.raises(UsageError, match="journal="):
            router.feedback("d1", 1.0)


def test_the_synchronous_methods(tmp_path: Path) -> None:
    scene = Scene(tmp_path, AnswersInTurn(response()))
    with scene.router as router:
        answer = router.completion(HELLO)
        router.feedback(answer.decision_id, 1.0)
    assert [outcome.feedback for outcome in reopened(scene)] == [1.0]


# -- a journal in trouble --------------------------------------------------------------------


def move_away(file: Path, *, keep: bool) -> None:
    for each in file.parent.glob(f"{file.name}*"):
        each.rename(each.with_name(f"old-{each.name}")) if keep else each.unlink()


@pytest.mark.parametrize("keep", [False, True])
def test_a_file_that_is_deleted_or_moved_is_begun_again(tmp_path: Path, keep: bool) -> None:
    scene = Scene(tmp_path, AnswersInTurn(response(), response()))

    async def work(router: Router) -> None:
        await router.acompletion(HELLO)
        assert len(scene.outcomes()) == 1
        move_away(scene.file, keep=keep)
        answer = await router.acompletion(HELLO)
        await router.afeedback(answer.decision_id, 1.0)

    play(scene, work)
    assert [outcome.feedback for outcome in reopened(scene)] == [1.0]
    assert scene.file.stat().st_mode & 0o777 == 0o600


def test_a_program_may_change_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    journal = Journal("sqlite:///journal.db")
    monkeypatch.chdir(tmp_path / "elsewhere")
    with journal:
        journal.add(Outcome(at=time.time(), decision="d1"))
    with journal.reader() as reader:
        assert [outcome.decision for outcome in reader.outcomes()] == ["d1"]
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_journal_out_of_reach_costs_no_request_and_is_reported(tmp_path: Path) -> None:
    scene = Scene(tmp_path, AnswersInTurn(response(), response()))
    scene.file.unlink()
    scene.file.mkdir()  # no database can be opened there

    async def work(router: Router) -> None:
        await router.acompletion(HELLO)
        scene.journal.flush()
        scene.file.rmdir()

    play(scene, work)
    changes = [(e.up, e.detail) for e in scene.events if isinstance(e, JournalChanged)]
    assert [up for up, _ in changes][:1] == [False]
    assert len(scene.events) > 1


def test_what_does_not_fit_is_counted_and_reported(tmp_path: Path) -> None:
    scene = Scene(tmp_path, AnswersInTurn(response(), response()))
    scene.journal.close()

    async def work(router: Router) -> None:
        await router.acompletion(HELLO)

    play(scene, work)
    assert scene.journal.dropped == 1


def test_what_cannot_be_written_until_the_end_is_reported(tmp_path: Path) -> None:
    scene = Scene(tmp_path, AnswersInTurn(response()))
    scene.file.unlink()
    scene.file.mkdir()

    async def work(router: Router) -> None:
        await router.acompletion(HELLO)

    play(scene, work)
    dropped = [e.number for e in scene.events if isinstance(e, OutcomesDropped)]
    assert (dropped, scene.journal.dropped) == ([1], 1)


# -- calls that the program makes itself -----------------------------------------------------


def own_call(
    tmp_path: Path, block: Callable[[Any], Any], policy: str = POLICY
) -> tuple[Scene, Outcome]:
    scene = Scene(tmp_path, FakeCaller(), policy)

    async def work(router: Router) -> None:
        decision = await router.aroute(HELLO, task="chat", max_tokens=100)
        async with router.attempt(decision, decision.candidates[0]) as attempt:
            await asyncio.sleep(0)
            block(attempt)

    with suppress(RuntimeError):
        play(scene, work)
    (outcome,) = reopened(scene)
    (told,) = [event for event in scene.events if isinstance(event, Attempted)]
    assert told.attempt.cost_nano_usd == outcome.cost
    return scene, outcome


def test_a_call_of_the_program_is_settled(tmp_path: Path) -> None:
    _, outcome = own_call(tmp_path, lambda attempt: attempt.settle(USED))
    assert (outcome.model, outcome.role, outcome.served, outcome.ok) == (
        "small", Role.FIRST, True, True,
    )  # fmt: skip
    assert outcome.cost == 1_000_000 + 1_000_000 - 200 * 1_000 + 200 * 1_000
    assert (outcome.tokens_in, outcome.unsure) == (1_000, False)


def test_a_call_that_the_program_rejects(tmp_path: Path) -> None:
    checks = {"tests pass": False, "compiles": True}
    _, outcome = own_call(tmp_path, lambda attempt: attempt.settle(USED, checks=checks))
    assert (outcome.ok, outcome.failure) == (False, "rejected")
    assert (outcome.rejected, outcome.passed) == (("tests pass",), ("compiles",))
    assert outcome.cost == 2_000_000


def test_a_call_that_is_not_settled_is_charged_all_that_was_reserved(tmp_path: Path) -> None:
    _, outcome = own_call(tmp_path, lambda _: None)
    assert outcome.unsure
    assert (outcome.cost or 0) >= 100 * 2_000


@pytest.mark.parametrize(
    "usage",
    [{"tokens": 9}, "lots", Usage(prompt_tokens=-5, completion_tokens=-5), Usage(), Usage(7)],
)
def test_a_count_that_cannot_be_read_is_charged_all_that_was_reserved(
    tmp_path: Path, usage: object
) -> None:
    (tmp_path / "own").mkdir()
    _, unsettled = own_call(tmp_path, lambda _: None)
    _, outcome = own_call(tmp_path / "own", lambda attempt: attempt.settle(usage))
    assert (outcome.cost, outcome.unsure) == (unsettled.cost, True)
    assert (outcome.tokens_in or 0) >= 0
    assert outcome.tokens_out is None


def test_an_answer_after_a_rejected_one_is_no_first_answer(tmp_path: Path) -> None:
    scene = Scene(tmp_path, FakeCaller(), POLICY + "learning: { mode: shadow }\n")

    async def work(router: Router) -> None:
        decision = await router.aroute(HELLO, task="chat", max_tokens=100)
        for name, ok in (("small", False), ("big", True)):
            async with router.attempt(decision, name) as attempt:
                attempt.settle(USED, ok=ok)
        other = await router.aroute(HELLO, task="chat", max_tokens=100)
        router.record(other, "small", seconds=0.5, usage=USED, ok=False)
        router.record(other, "big", seconds=0.5, usage=USED)
        await router.experience.refresh()
        for name, calls, success in (("small", 2, 0.0), ("big", 2, None)):
            measured = router.experience.performance(name)
            assert measured.calls == calls
            assert (measured.success and measured.success.value) == success

    play(scene, work)
    assert [outcome.role for outcome in reopened(scene)] == [
        Role.FIRST, Role.AFTER_REJECTION, Role.FIRST, Role.AFTER_REJECTION,
    ]  # fmt: skip


def test_a_rejected_answer_says_nothing_of_other_decisions_without_an_id(tmp_path: Path) -> None:
    scene = Scene(tmp_path, FakeCaller())
    with scene.router as router:
        for ok in (False, True):
            router.record(
                decide(router.policy, Request(task="chat")), "small", seconds=0.5, usage=USED, ok=ok
            )
    assert [outcome.role for outcome in reopened(scene)] == [Role.FIRST, Role.FIRST]


@pytest.mark.parametrize("checks", [["json"], {5: True}])
def test_checks_that_are_no_mapping_of_names(tmp_path: Path, checks: Any) -> None:
    scene = Scene(tmp_path, FakeCaller())

    async def work(router: Router) -> None:
        decision = await router.aroute(HELLO, task="chat", max_tokens=100)
        async with router.attempt(decision, "small") as attempt:
            with pytest.raises(UsageError, match="`checks` must be a mapping"):
                attempt.settle(USED, checks=checks)
        with pytest.raises(UsageError, match="`checks` must be a mapping"):
            router.record(decision, "small", seconds=0.5, checks=checks)

    play(scene, work)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seconds", float("nan")), ("seconds", -1.0), ("seconds", None), ("first_token", -1.0),
        ("started", float("inf")), ("started", 10**400), ("status", "ok"), ("status", True),
    ],
)  # fmt: skip
def test_a_call_made_elsewhere_has_credible_values(tmp_path: Path, name: str, value: Any) -> None:
    scene = Scene(tmp_path, FakeCaller())
    with scene.router as router:
        decision = router.route(HELLO, task="chat")
        with pytest.raises(UsageError, match=f"`{name}` must be"):
            router.record(decision, "small", usage=USED, **{"seconds": 0.5, name: value})
        router.record(decision, "small", seconds=0.5, checks={"x" * 1_000: True})
    (outcome,) = reopened(scene)
    assert (len(outcome.passed[0]), outcome.unsure) == (97, True)
    assert (outcome.cost or 0) > 1_000 * 2_000  # all that the answer may have, not only its input


def test_an_exception_is_the_failure_of_the_call(tmp_path: Path) -> None:
    def fails(_: Any) -> None:
        error = RuntimeError("an overloaded server")
        error.status_code = 503  # type: ignore[attr-defined]
        raise error

    scene, outcome = own_call(tmp_path, fails)
    assert (outcome.ok, outcome.status, outcome.served) == (False, 503, False)
    assert (outcome.cost, outcome.ending) == (0, None)
    told = next(event for event in scene.events if isinstance(event, Attempted))
    assert told.failure is not None


def test_failures_of_the_program_count_for_cooldowns(tmp_path: Path) -> None:
    policy = POLICY + "fallback: { cooldown: { failures: 1 } }\n"
    scene = Scene(tmp_path, FakeCaller(), policy)

    async def work(router: Router) -> None:
        decision = await router.aroute(HELLO, task="chat")
        with pytest.raises(ConnectionError):
            async with router.attempt(decision, "small"):
                raise ConnectionError
        with pytest.raises(NoCandidateError):
            async with router.attempt(decision, "small"):
                raise AssertionError("not entered")
        assert "small" not in [c.name for c in (await router.aroute(HELLO)).candidates]

    play(scene, work)


def test_without_room_the_block_is_not_entered(tmp_path: Path) -> None:
    policy = POLICY.replace("$100", "$0.001")
    scene = Scene(tmp_path, FakeCaller(), policy)

    async def work(router: Router) -> None:
        decision = await router.aroute(HELLO, task="chat", max_tokens=300)
        async with router.attempt(decision, "small") as attempt:
            attempt.settle({"prompt_tokens": 300, "completion_tokens": 300})
        with pytest.raises(BudgetExceededError):
            async with router.attempt(decision, "small"):
                raise AssertionError("not entered")

    play(scene, work)


def test_only_candidates_of_the_decision_are_called(tmp_path: Path) -> None:
    scene = Scene(tmp_path, FakeCaller())

    async def work(router: Router) -> None:
        decision = await router.aroute(HELLO, model="big")
        with pytest.raises(UsageError, match="candidate"):
            router.attempt(decision, "small")
        with pytest.raises(UsageError, match="no candidate"):
            router.attempt(await router.aroute(HELLO, tags=["secret"]), "small")

    play(scene, work)


def test_a_plain_block(tmp_path: Path) -> None:
    scene = Scene(tmp_path, FakeCaller(), POLICY)
    with scene.router as router:
        decision = router.route(HELLO, task="chat")
        with router.attempt(decision, decision.candidates[0]) as attempt:
            attempt.mark_first_token()
            attempt.settle(USED)
        assert attempt.record is not None
    (outcome,) = reopened(scene)
    assert outcome.first_token is not None


def test_a_call_that_was_made_elsewhere(tmp_path: Path) -> None:
    scene, now = Scene(tmp_path, FakeCaller()), time.time()
    with scene.router as router:
        decision = router.route(HELLO, task="chat")
        router.record(decision, "big", usage=USED, seconds=2.0, checks={"a": True}, started=now)
        router.record(
            decision, "small", seconds=0.5, failure="timeout", status=504, started=now + 1
        )
        router.record(decision, "small", seconds=0.5, ok=False, usage=USED, started=now + 2)
        with pytest.raises(UsageError, match="class of failures"):
            router.record(decision, "small", seconds=0.5, failure="bad luck")
        with pytest.raises(UsageError, match="did you mean `small`"):
            router.record(decision, "smal", seconds=0.5)
    big, late, poor = reopened(scene)
    assert (big.cost, big.seconds, big.passed, big.served) == (20_000_000, 2.0, ("a",), True)
    assert (late.failure, late.status, late.ok) == ("timeout", 504, False)
    assert (poor.failure, poor.cost) == ("rejected", 2_000_000)


# -- calls that are none of the request's attempts ----------------------------------------------

ESTIMATED = """
version: 1
tiers: [light]
models:
  small: { model: openai/small, tier: light, price: free, context: 32k }
  judge: { model: openai/judge, tier: light, price: free, context: 32k, tags: [own] }
complexity:
  estimator: { llm: judge }
  bands: { easy: { from: 0, min_tier: light }, hard: { from: 0.6, min_tier: light } }
tasks: { chat: { accept: { llm: { model: judge, rubric: "It is polite." } }, first: [small] } }
"""


def test_judges_and_estimators_have_rows_of_their_own(tmp_path: Path) -> None:
    caller = FakeCaller(small=[response("hello")], judge=[response("7"), response("PASS")])
    scene = Scene(tmp_path, caller, ESTIMATED)

    async def work(router: Router) -> None:
        await router.acompletion(HELLO, task="chat", user="ada")

    play(scene, work)
    rows = {row.role: row for row in reopened(scene)}
    assert rows.keys() == {Role.ESTIMATOR, Role.JUDGE, Role.FIRST}
    answer = rows[Role.FIRST]
    assert (answer.passed, answer.score, answer.ending) == (
        ("llm",), 0.7, RequestEnding.ANSWERED,
    )  # fmt: skip
    for role in (Role.ESTIMATOR, Role.JUDGE):
        call = rows[role]
        assert (call.model, call.rank, call.ending, call.served) == ("judge", 0, None, False)
        assert (call.decision, call.user, call.revision) == (
            answer.decision, "ada", answer.revision,
        )  # fmt: skip
