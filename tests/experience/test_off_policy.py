"""Estimates of what another policy would have earned."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from policy_router.experience.off_policy import LoggedChoice, OffPolicyEstimate, estimate

QUALITY = {("code", "small"): 0.5, ("code", "large"): 0.9, ("chat", "small"): 0.8,
           ("chat", "large"): 0.85}  # fmt: skip


def logged(random: Random, count: int, explore: float) -> list[LoggedChoice]:
    """A log that asks `small` first and explores, and a policy that asks `large` for code."""
    choices = []
    for _ in range(count):
        cell = random.choice(("code", "chat"))
        model = "large" if random.random() < explore else "small"
        propensity = explore if model == "large" else 1 - explore
        reward = float(random.random() < QUALITY[cell, model])
        other = "large" if cell == "code" else "small"
        choices.append(LoggedChoice(cell, model, propensity, reward, other))
    return choices


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311  no secret


TRUTH = (0.9 + 0.8) / 2


def test_the_estimates_are_right_on_average() -> None:
    random = seeded(3)
    found = [estimate(logged(random, 1000, 0.2)) for _ in range(60)]
    for values in (
        [each.ips.value for each in found],
        [each.snips.value for each in found],
        [each.doubly_robust.value for each in found],
    ):
        assert sum(values) / len(values) == pytest.approx(TRUTH, abs=0.02)


def test_intervals_hold_about_as_often_as_they_say() -> None:
    random = seeded(4)
    found = [estimate(logged(random, 1500, 0.2)) for _ in range(100)]
    for intervals in ([e.ips for e in found], [e.snips for e in found],
                      [e.doubly_robust for e in found]):  # fmt: skip
        assert sum(each.low <= TRUTH <= each.high for each in intervals) >= 82


def test_a_normalised_estimate_is_narrower() -> None:
    found = estimate(logged(seeded(5), 2000, 0.1))
    widths = [each.high - each.low for each in (found.doubly_robust, found.snips, found.ips)]
    assert widths[1] < widths[2]
    assert widths[0] < widths[2]


def test_too_little_exploration_is_not_known_and_says_how_much_more_it_takes() -> None:
    few = estimate(logged(seeded(6), 300, 0.05))
    assert not few.known
    assert few.needed is not None
    assert 300 < few.needed < 20_000
    many = estimate(logged(seeded(6), 8000, 0.2))
    assert (many.known, many.needed) == (True, 0)
    assert many.effective > 1000


def test_what_the_log_never_tries_is_never_known() -> None:
    never = [LoggedChoice("code", "small", 1.0, 1.0, "large")] * 100
    found = estimate(never)
    assert (found.known, found.needed, found.effective, found.covered) == (False, None, 0.0, 0.0)
    half = [*never, *([LoggedChoice("chat", "small", 1.0, 1.0, "small")] * 100)]
    found = estimate(half)
    assert (found.known, found.needed, found.covered) == (False, None, 0.5)


def test_one_outcome() -> None:
    found: OffPolicyEstimate = estimate([LoggedChoice("chat", "small", 1.0, 1.0, "small")])
    assert (found.logged, found.snips.value, found.known) == (1.0, 1.0, False)
    assert found.needed == 99


def drawn_for_users(random: Random, users: int) -> tuple[list[LoggedChoice], float]:
    """The outcomes of users who differ, each with one model for good, and what the other model
    would have earned."""
    choices, truth = [], 0.0
    for user in range(users):
        large, good = random.random() < 0.3, random.gauss(0.75, 0.15)
        for _ in range(20):
            truth += min(max(good, 0.0), 1.0) / (users * 20)
            model, propensity = ("large", 0.3) if large else ("small", 0.7)
            reward = float(random.random() < good)
            choices.append(LoggedChoice("chat", model, propensity, reward, "large", f"user {user}"))
    return choices, truth


def test_the_outcomes_of_one_user_are_one_draw() -> None:
    held = narrower = 0
    for seed in range(100):
        choices, truth = drawn_for_users(seeded(seed), 50)
        found = estimate(choices).snips
        held += found.low <= truth <= found.high
        alone = estimate([replace(choice, subject=None) for choice in choices]).snips
        narrower += alone.low <= truth <= alone.high
    assert held >= 85
    assert narrower < held - 5  # what they said when each outcome counted as a draw


def test_a_single_user_says_nothing() -> None:
    found = estimate([LoggedChoice("chat", "large", 0.3, 1.0, "large", "user ada")] * 500)
    assert (found.known, found.needed, found.snips.known) == (False, None, False)
