"""Models that answer worse than usual."""

from __future__ import annotations

from policy_router.domain.fallback import Degraded
from policy_router.domain.models import Model
from policy_router.execution.health.degradation import NOTHING, Degradation

M, N = Model("m", "openai/x", "t", 0), Model("n", "openai/y", "t", 0)
NOW = 1_795_000_000.0
SHARE = Degraded(success=0.9, over=600, min_samples=20)
SLOW = Degraded(latency=3.0, over=600, min_samples=20)


def noted(
    degradation: Degradation, rule: Degraded, now: float, *, ok: int = 0, failed: int = 0,
    latency: float = 1.0, model: Model = M, user: str | None = None,
) -> None:  # fmt: skip
    for _ in range(ok):
        degradation.note(model, rule, now, latency, user)
    for _ in range(failed):
        degradation.note(model, rule, now, None, user)


def test_nothing_is_worse_without_calls() -> None:
    assert Degradation().look((M, N), SHARE, NOW) == NOTHING


def test_a_model_of_which_too_many_calls_fail_comes_last() -> None:
    degradation = Degradation()
    noted(degradation, SHARE, NOW, ok=17, failed=3)
    noted(degradation, SHARE, NOW, ok=18, failed=2, model=N)
    worse = degradation.look((M, N), SHARE, NOW)
    assert worse.last == {"m": "degraded: 85% of its latest calls succeeded"}
    assert worse.skipped == {}


def test_few_calls_say_nothing() -> None:
    degradation = Degradation()
    noted(degradation, SHARE, NOW, failed=19)
    assert degradation.look((M,), SHARE, NOW).last == {}


def test_a_model_that_is_skipped_is_so_until_its_calls_are_out_of_sight() -> None:
    rule = Degraded(success=0.9, over=600, min_samples=20, skipped=True)
    degradation = Degradation()
    noted(degradation, rule, NOW, ok=10, failed=10)
    assert degradation.look((M,), rule, NOW).skipped == {"m": NOW + 60}
    assert degradation.look((M,), rule, NOW + 660) == NOTHING


def test_only_the_latest_calls_count() -> None:
    degradation = Degradation()
    noted(degradation, SHARE, NOW, failed=100)
    noted(degradation, SHARE, NOW + 700, ok=20)
    assert degradation.look((M,), SHARE, NOW + 700).last == {}


def test_a_model_that_is_slower_than_in_its_last_days() -> None:
    degradation = Degradation()
    for hour in range(48):
        noted(degradation, SLOW, NOW + hour * 3600, ok=5, latency=2.0)
    now = NOW + 48 * 3600
    noted(degradation, SLOW, now, ok=20, latency=5.9)
    assert degradation.look((M,), SLOW, now).last == {}
    noted(degradation, SLOW, now, ok=20, latency=6.5)
    assert degradation.look((M,), SLOW, now).last == {
        "m": "degraded: it takes 3.1 times as long as usual"
    }


def test_without_days_to_compare_with_no_latency_is_too_long() -> None:
    degradation = Degradation()
    noted(degradation, SLOW, NOW, ok=100, latency=60.0)
    assert degradation.look((M,), SLOW, NOW).last == {}
    noted(degradation, SLOW, NOW + 600, failed=30)
    assert degradation.look((M,), SLOW, NOW + 1200).last == {}


def test_failures_of_one_user_alone_put_the_model_last_for_that_user() -> None:
    degradation = Degradation()
    noted(degradation, SHARE, NOW, ok=20, user="ada")
    noted(degradation, SHARE, NOW, failed=1_000, user="mallory")
    assert degradation.look((M,), SHARE, NOW, "ada") == NOTHING
    assert degradation.look((M,), SHARE, NOW) == NOTHING
    assert list(degradation.look((M,), SHARE, NOW, "mallory").last) == ["m"]
    assert degradation.worse((M,), SHARE, NOW)["m"].user == "mallory"
    noted(degradation, SHARE, NOW, failed=1, user="bob")
    assert list(degradation.look((M,), SHARE, NOW, "ada").last) == ["m"]


def test_long_prompts_of_one_user_make_a_model_slow_for_that_user() -> None:
    degradation = Degradation()
    for hour in range(48):
        noted(degradation, SLOW, NOW + hour * 3600, ok=5, user="ada")
    now = NOW + 48 * 3600
    noted(degradation, SLOW, now, ok=30, latency=9.0, user="mallory")
    assert degradation.look((M,), SLOW, now, "ada") == NOTHING
    assert list(degradation.look((M,), SLOW, now, "mallory").last) == ["m"]
    noted(degradation, SLOW, now, ok=30, latency=9.0, user="ada")
    assert list(degradation.look((M,), SLOW, now, "eve").last) == ["m"]


def test_a_model_that_is_observed_again_is_judged_by_what_follows() -> None:
    degradation = Degradation()
    noted(degradation, SHARE, NOW, failed=30)
    since = {"m": NOW}
    assert degradation.worse((M,), SHARE, NOW + 1, since) == {}
    noted(degradation, SHARE, NOW + 60, ok=20)
    assert degradation.worse((M,), SHARE, NOW + 60, since) == {}
    assert list(degradation.worse((M,), SHARE, NOW + 60)) == ["m"]
    noted(degradation, SHARE, NOW + 120, failed=30)
    assert list(degradation.worse((M,), SHARE, NOW + 120, since)) == ["m"]
