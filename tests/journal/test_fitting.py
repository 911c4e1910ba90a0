"""What an answer would have cost from the cheapest model with a price that fits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from policy_router.domain.attempt import Attempt
from policy_router.domain.decision import Candidate, Reason, Skip
from policy_router.domain.models import Model
from policy_router.domain.prices import FREE_PRICE, Price
from policy_router.domain.request import Request
from policy_router.domain.situation import Situation
from policy_router.events import BreakerChanged
from policy_router.journal.fitting import fit_cost
from policy_router.journal.journal import Journal
from tests.execution.make import decision

if TYPE_CHECKING:
    from policy_router.domain.decision import Decision
    from policy_router.journal.address import JournalAddress

FREE = Model("free", "openai/free", "t", 0, FREE_PRICE, True)
CHEAP = Model("cheap", "openai/cheap", "t", 0, Price(1_000_000, 2_000_000, cached=500_000, fee=7))
DEAR = Model("dear", "openai/dear", "t", 0, Price(10_000_000, 20_000_000, image=1_000))
ODD = Model("odd", "openai/odd", "t", 0)
MODELS = {model.name: model for model in (FREE, CHEAP, DEAR, ODD)}
ANSWER = Attempt("free", "openai/free", 0.0, 1.0, tokens_in=100, tokens_out=10, tokens_cached=20)


def decided(
    *models: Model, out: tuple[tuple[str, Reason], ...] = (), pictures: int = 0
) -> Decision:
    skips = tuple(Skip(name, reason, "") for name, reason in out)
    candidates = tuple(Candidate(model, "written order", "") for model in models)
    situation = Situation(Request(pictures=pictures))
    return replace(decision(), candidates=candidates, further=skips, situation=situation)


@pytest.mark.parametrize(
    ("made", "cost"),
    [
        # 80 new and 20 cached tokens in, 10 out, and a fee: 80 + 10 + 20 + 7.
        (decided(FREE, CHEAP, DEAR), 117),
        (decided(FREE, DEAR), 1_200),
        (decided(DEAR, pictures=2), 3_200),
        (decided(FREE, ODD), None),
        (decided(FREE, out=(("cheap", Reason.BUDGET),)), 117),
        (decided(FREE, out=(("cheap", Reason.CONTEXT), ("dear", Reason.COOLING))), 1_200),
        (decided(FREE, out=(("gone", Reason.BUSY),)), None),
    ],
)
def test_the_cheapest_price_of_what_the_policy_allows(made: Decision, cost: int | None) -> None:
    assert fit_cost(made, ANSWER, MODELS) == cost


def test_nothing_is_known_without_tokens_or_where_nothing_compares() -> None:
    made = decided(CHEAP)
    assert fit_cost(made, ANSWER, None) is None
    assert fit_cost(made, replace(ANSWER, tokens_in=None), MODELS) is None
    assert fit_cost(made, replace(ANSWER, tokens_out=None), MODELS) is None


def test_cooldowns_are_kept_and_counted(address: JournalAddress) -> None:
    def opened(number: int, step: str = "opened", name: str = "big") -> BreakerChanged:
        identity = (f"e{number}", None, 100.0 + number, None)
        return BreakerChanged(*identity, "model", name, step, 115.0 + number, "timeout")

    with Journal(address) as journal:
        for event in (opened(1), opened(2, "closed"), opened(3), opened(3), opened(4, name="a")):
            journal(event)
        journal.flush()
        with journal.reader() as reader:
            assert reader.cooldowns(0.0, 1_000.0) == [
                ("model", "big", "timeout", 2, 30.0), ("model", "a", "timeout", 1, 15.0),
            ]  # fmt: skip
            assert reader.cooldowns(102.0, 104.0) == [("model", "big", "timeout", 1, 15.0)]
